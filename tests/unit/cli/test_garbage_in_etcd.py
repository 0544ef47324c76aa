"""Whatever stands in etcd, a command that looks prints what it can read of it."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from typing import Any, Self
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crony_ops.cli import main
from crony_ops.store import Entry, MemberStatus, Snapshot
from tests.effort import times
from tests.unit.etcd_model import EtcdModel
from tests.unit.garbage import RECORDED, key_spaces

pytestmark = pytest.mark.fuzz

JOBS = sorted({key.split("/")[3] for key in RECORDED if key.startswith("/crony/spec/")})
LOOKS = st.sampled_from(
    [
        *(("status",), ("jobs",), ("nodes",), ("next",), ("alerts",), ("silence", "list")),
        *(("nodes", "node-1"), ("nodes", "node-2"), ("explain", "fine", "--at", "1h")),
        *((verb, "fine") for verb in ("jobs", "explain", "history", "next")),
        *(("explain", job) for job in JOBS),
    ]
)


class Reader:
    """A client that reads a key space in memory."""

    etcd = EtcdModel()

    def __init__(self, _settings: object) -> None:
        pass

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_failure: object) -> None:
        pass

    async def get(self, key: str) -> Entry | None:
        return self.etcd.get(key)

    async def range(self, prefix: str, **_how: Any) -> Snapshot:
        return Snapshot(self.etcd.revision, list(self.etcd.prefix(prefix).values()), 1)

    async def head(self) -> tuple[int, int]:
        return 1, self.etcd.revision

    async def members(self) -> list[MemberStatus]:
        return [MemberStatus("etcd-1", "127.0.0.1:1", is_leader=True)]


def said(values: dict[str, bytes], *command: str) -> tuple[int, str, str]:
    """Exit status, stdout and stderr."""
    Reader.etcd = EtcdModel()
    for key, value in values.items():
        Reader.etcd.put(key, value)
    out, err = io.StringIO(), io.StringIO()
    with (
        patch("crony_ops.store.client.Etcd", Reader),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        status = main.run([*command, "--endpoints", "127.0.0.1:1"])
    return status, out.getvalue(), err.getvalue()


@given(key_spaces(), LOOKS, st.sampled_from(["text", "json"]))
@times(2)
def test_who_looks_is_answered(values: dict[str, bytes], look: tuple[str, ...], form: str) -> None:
    status, out, err = said(values, *look, "--output", form)
    assert "unexpected" not in err, err
    if status == 0 and form == "json":
        assert json.loads(out)
    assert out or err


def spec_of(**fields: str) -> bytes:
    spec = json.loads(RECORDED["/crony/spec/fine"])
    return json.dumps({**spec, "job": {**spec["job"], **fields}}).encode()


FAR_OFF = (
    b'{"run_id":"r","job_id":"fine","tick":%d,"state":"lost","node":"n","ended_at":1}' % 10**30
)
OUTCOME = b'{"job_id":"fine","outcome":"moved"}'


@pytest.mark.parametrize(
    ("key", "value", "look", "told"),
    [
        ("/crony/open/x", b"", ("status",), "/crony/open/x"),
        ("/crony/failover/x/zz/y", OUTCOME, ("status",), "/crony/failover/x/zz/y"),
        ("/crony/spec/\udcff", spec_of(), ("next",), "fine"),
        ("/crony/spec/\udcff", spec_of(), ("status",), r"/crony/spec/\xff"),
        ("/crony/once/fine", b"\xff", ("jobs", "fine"), "ordered"),
        ("/crony/run/fine/r", FAR_OFF, ("history", "fine"), "/crony/run/fine/r can't be read"),
        ("/crony/run/fine/\udcff", b"", ("history", "fine"), r"/crony/run/fine/\xff can't be read"),
        ("/crony/run/fine/r", FAR_OFF, ("explain", "fine"), "verdict"),
    ],
)
def test_one_stray_keeps_nobody_from_all_the_rest(
    key: str, value: bytes, look: tuple[str, ...], told: str
) -> None:
    status, out, err = said({**RECORDED, key: value}, *look)
    assert (status, told in out + err) == (0, True), err


@pytest.mark.parametrize("field", [{"timezone": "Mars/Phobos"}, {"schedule": "@newly 5"}])
@pytest.mark.parametrize("look", ["jobs", "jobs fine", "history fine", "next", "status"])
def test_a_schedule_of_a_newer_version_hides_no_other_job(field: dict[str, str], look: str) -> None:
    status, out, err = said({**RECORDED, "/crony/spec/fine": spec_of(**field)}, *look.split())
    assert status == 0, err
    assert look != "next" or "fine is left out" in err
    assert "bound" in out or "fine" in look or look == "status"
