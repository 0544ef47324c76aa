"""A member's metrics page, as etcd 3.4.23 and 3.5.30 write it."""

from __future__ import annotations

import asyncio

import pytest

from crony_ops.store.metrics_page import SelfReport, fetch_page, parse_page
from crony_ops.store.settings import EtcdSettings

PAGE = """\
# HELP etcd_server_is_leader Whether or not this member is a leader. 1 if is, 0 otherwise.
# TYPE etcd_server_is_leader gauge
etcd_mvcc_db_total_size_in_bytes 1.257472e+06
etcd_mvcc_db_total_size_in_use_in_bytes 5.0e+05
etcd_server_has_leader 1
etcd_server_id{server_id="f4e375ae6dd608ae"} 1
etcd_server_is_leader 1
etcd_server_quota_backend_bytes 2.147483648e+09
etcd_server_version{server_version="3.5.30"} 1
"""


def test_a_page_tells_what_a_status_does() -> None:
    told = SelfReport(0xF4E375AE6DD608AE, "3.5.30", True, 1_257_472, 2**31, ())
    assert parse_page(PAGE) == told


def test_a_member_without_a_leader_says_so() -> None:
    told = parse_page(PAGE.replace("_leader 1", "_leader 0"))
    assert not told.is_leader
    assert told.errors == ("etcdserver: no leader",)


def test_a_quota_may_be_untold() -> None:
    lines = [line for line in PAGE.splitlines() if "quota" not in line]
    assert parse_page("\n".join(lines)).quota is None


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("", "has no etcd_server_has_leader"),
        ("<html>welcome</html>", "has no etcd_server_has_leader"),
        (PAGE.replace("etcd_server_id", "id"), "has no etcd_server_id"),
        (PAGE.replace("f4e375ae6dd608ae", "no number"), "invalid literal"),
        (PAGE.replace("1.257472e+06", "many"), "could not convert"),
        (PAGE.replace("1.257472e+06", "1e999"), "infinity"),
    ],
)
def test_what_is_no_page_of_etcd_is_refused(page: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_page(page)


async def test_an_answer_that_is_no_http_is_refused() -> None:
    async def babble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x00\x01 nothing of the kind\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(babble, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        settings = EtcdSettings(endpoints=(f"{host}:{port}",))
        with pytest.raises(ValueError, match="answers no HTTP"):
            await fetch_page(settings, f"{host}:{port}", 5)
