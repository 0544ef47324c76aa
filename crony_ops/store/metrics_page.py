"""What a member of etcd says of itself on its metrics page, which is for whoever may connect.

Mended versions (3.4.44, 3.5.30, 3.6.11) keep Maintenance.Status to the user root once
authentication is on, as they should: it was open to everybody.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crony_ops.store.settings import EtcdSettings

MOST = 4 * 1024 * 1024
_LINE = re.compile(
    r"^(etcd_server_id|etcd_server_version|etcd_server_is_leader|etcd_server_has_leader"
    r"|etcd_server_quota_backend_bytes|etcd_mvcc_db_total_size_in_bytes)"
    r'(?:\{\w+="([^"]*)"\})? (\S+)$',
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class SelfReport:
    """Sizes are bytes; ``quota`` is None where it is not told."""

    member_id: int
    version: str
    is_leader: bool
    db_size: int
    quota: int | None
    errors: tuple[str, ...]


async def fetch_page(settings: EtcdSettings, address: str, timeout: float) -> SelfReport:
    """Ask the member at ``address`` (host:port), within ``timeout`` seconds, with the certificate
    that gRPC shows. Raises OSError, and ValueError for a page that is none."""
    return parse_page(await asyncio.to_thread(_fetch, settings, address, timeout))


def _fetch(settings: EtcdSettings, address: str, timeout: float) -> str:
    context = None
    if settings.tls:
        context = ssl.create_default_context(cafile=settings.ca_file)
        if settings.cert_file is not None:
            context.load_cert_chain(settings.cert_file, settings.key_file)
    # No proxy: gRPC asks the member itself, too.
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    url = f"{'https' if settings.tls else 'http'}://{address}/metrics"
    try:
        with opener.open(url, timeout=timeout) as answer:
            page: bytes = answer.read(MOST)
    except HTTPException as error:
        raise ValueError(f"{address} answers no HTTP: {type(error).__name__}") from None
    return page.decode("utf-8", "replace")


def parse_page(text: str) -> SelfReport:
    """Raises ValueError where something is not told that every member tells."""
    told = {name: (label, value) for name, label, value in _LINE.findall(text)}
    try:
        quota = told.get("etcd_server_quota_backend_bytes")
        has_leader = float(told["etcd_server_has_leader"][1]) == 1
        return SelfReport(
            member_id=int(told["etcd_server_id"][0], 16),
            version=told["etcd_server_version"][0],
            is_leader=float(told["etcd_server_is_leader"][1]) == 1,
            db_size=int(float(told["etcd_mvcc_db_total_size_in_bytes"][1])),
            quota=int(float(quota[1])) if quota else None,
            errors=() if has_leader else ("etcdserver: no leader",),
        )
    except KeyError as lacking:
        raise ValueError(f"its metrics page has no {lacking.args[0]}") from None
    except OverflowError as error:
        raise ValueError(f"its metrics page: {error}") from None
