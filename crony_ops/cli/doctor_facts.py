"""The facts that `doctor` judges: from etcd, from the hosts and from this machine."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from crony_ops import __version__
from crony_ops.cli.view.cluster_view import ClusterView, read_cluster
from crony_ops.cli.view.drift import drift
from crony_ops.errors import InvalidInput, MissingExtra, StoreError, first_cause
from crony_ops.fleet.doctor.facts import Certificate, ClusterFacts, Facts, HostLook
from crony_ops.store.auth import looks_into_transactions
from crony_ops.store.client import Etcd
from crony_ops.store.keys import Keys
from crony_ops.store.leases import LeaseStatus, read_leases

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from crony_ops.cli.terminal.fleet import Fleet
    from crony_ops.store.member_status import MemberStatus
    from crony_ops.store.settings import EtcdSettings


async def gather(
    settings: EtcdSettings,
    jobs: Path,
    fleet: Fleet | None,
    names: Sequence[str],
    progress: Callable[[int, int], None],
    *,
    whole: bool,
) -> Facts:
    """``names`` are the hosts to look at, all of the ``fleet`` if that is the ``whole``. All is
    asked at once, and what does not answer is among the facts.

    Raises StoreRefused for TLS files that can't be read, and MissingExtra.
    """
    keys = Keys(settings.prefix)
    async with Etcd(settings) as etcd, asyncio.TaskGroup() as group:
        asked_members = group.create_task(etcd.members())
        asked_hosts = group.create_task(asyncio.to_thread(_hosts, fleet, names, progress))
        files = group.create_task(asyncio.to_thread(_job_sums, jobs))
        asked_cluster = group.create_task(_cluster(etcd, keys))
        members = await asked_members
        cluster, error = await asked_cluster
        now = time.time()  # hosts may take much longer to answer
        drifted = await drift(jobs, cluster.sync if cluster else None)
    hosts = asked_hosts.result()
    return Facts(
        now=now,
        version=__version__,
        members=tuple(members),
        cluster=cluster,
        cluster_error=error,
        hosts=hosts,
        whole=whole,
        certificates=await asyncio.to_thread(_certificates, settings, members, fleet, hosts or ()),
        job_sums=files.result(),
        drift=drifted,
    )


async def _cluster(etcd: Etcd, keys: Keys) -> tuple[ClusterFacts | None, str]:
    leases: tuple[LeaseStatus, ...] | None = None
    why = ""
    try:
        view = await read_cluster(etcd, keys)
        has_rights = etcd.settings.cert_file is not None or etcd.settings.username is not None
        guarded = await looks_into_transactions(etcd) if has_rights else None
    except StoreError as error:
        return None, str(error)
    try:
        leases = await read_leases(etcd)
    except* StoreError as several:
        why = str(first_cause(several))
    return _cluster_facts(view, keys, leases, why, guarded), ""


def _cluster_facts(
    view: ClusterView,
    keys: Keys,
    leases: tuple[LeaseStatus, ...] | None,
    why: str,
    guarded: bool | None,
) -> ClusterFacts:
    return ClusterFacts(
        nodes=view.nodes,
        alive=view.alive,
        rosters=view.rosters,
        leader=view.leader,
        watchers=view.watchers,
        specs=view.specs,
        opens=view.opens,
        sync=view.sync,
        unreadable=view.unreadable,
        node_keys={uuid: keys.node(uuid) for uuid in view.alive},
        leases=leases,
        leases_error=why,
        guarded=guarded,
    )


def _hosts(
    fleet: Fleet | None, names: Sequence[str], progress: Callable[[int, int], None]
) -> tuple[HostLook, ...] | None:
    if fleet is None:
        return None
    try:
        from crony_ops.fleet.doctor.look_at_hosts import look_at_hosts
    except ImportError:
        raise MissingExtra(what="looking at hosts", extra="fleet") from None
    return look_at_hosts(fleet.inventory, names, fleet.ssh_defaults, progress)


def _job_sums(jobs: Path) -> Mapping[str, str] | None:
    """None where the files can't tell, `crony-ops validate` says why."""
    from crony_ops.catalog import load_catalog

    try:
        catalog = load_catalog(jobs)
    except InvalidInput:
        return None
    if catalog.problems:
        return None
    return {job_id: spec.sha256 for job_id, spec in catalog.specs.items()}


def _certificates(
    settings: EtcdSettings,
    members: Sequence[MemberStatus],
    fleet: Fleet | None,
    hosts: Sequence[HostLook],
) -> tuple[Certificate, ...]:
    told = any(host.facts and host.facts.certificates for host in hosts)
    files = list(_own_files(settings, fleet))
    if not (settings.tls or told or files):
        return ()
    try:
        from crony_ops.fleet.doctor import read_certificates as read
    except ImportError:
        raise MissingExtra(what="reading certificates", extra="fleet") from None
    addresses = sorted({*settings.addresses, *(member.endpoint for member in members)})
    return (
        *read.shown_by_etcd(settings, addresses),
        *read.on_hosts(hosts),
        *read.on_this_machine(files),
    )


def _own_files(settings: EtcdSettings, fleet: Fleet | None) -> Iterator[Path]:
    """Those that this machine shows etcd, and those that it has for the whole fleet."""
    yield from (file for file in (settings.ca_file, settings.cert_file) if file is not None)
    if fleet is not None:
        own = {settings.ca_file, settings.cert_file}
        yield from (
            file for file in sorted((fleet.folder / "pki").glob("*.pem")) if file not in own
        )
