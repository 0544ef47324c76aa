"""What each release wrote is read by this one, and what this one writes by those before and after.

The recordings are of real clusters: `python -m tests.record_key_space`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from crony_ops import __version__
from crony_ops.model.alert import Alert
from crony_ops.model.cluster import (
    Failover,
    Health,
    JobOutcome,
    Leader,
    Meta,
    Rebalance,
    SyncRecord,
    Watcher,
)
from crony_ops.model.node import Cordon, Node, Pause, Roster
from crony_ops.model.run import GapRecord, Kill, News, OpenRun, Proc, QueuedRun, RunRecord
from crony_ops.model.spec import Assignment, Cursor, Spec
from crony_ops.model.system import SystemInfo
from tests.record_key_space import RECORDINGS, kind_of

if TYPE_CHECKING:
    from crony_ops.model.record import Record

RECORDS: dict[str, type[Record]] = {
    "alert": Alert,
    "cordon": Cordon,
    "failover": Failover,
    "failover/job": JobOutcome,
    "health": Health,
    "job": Assignment,
    "kill": Kill,
    "leader": Leader,
    "meta": Meta,
    "news": News,
    "node": Node,
    "open": OpenRun,
    "pause": Pause,
    "proc": Proc,
    "queue": QueuedRun,
    "rebalance": Rebalance,
    "roster": Roster,
    "run": RunRecord,
    "run/gap": GapRecord,
    "spec": Spec,
    "sync": SyncRecord,
    "system/get": SystemInfo,
    "tick": Cursor,
    "watcher": Watcher,
}
BARE = {"once", "sync-lock", "system/switch"}
"""Kinds whose value is no record."""


def recorded(path: Path) -> dict[str, bytes]:
    return {key: value.encode() for key, value in json.loads(path.read_text("utf-8")).items()}


def records() -> Iterator[Any]:
    for path in sorted(RECORDINGS.glob("*.json")):
        for key, value in recorded(path).items():
            if kind_of(key) not in BARE:
                yield pytest.param(RECORDS[kind_of(key)], value, id=f"{path.stem} {key}")


def test_this_release_is_recorded() -> None:
    assert (RECORDINGS / f"{__version__}.json").exists()


@pytest.mark.parametrize("path", sorted(RECORDINGS.glob("*.json")), ids=lambda path: path.stem)
def test_a_recording_has_every_kind_of_record(path: Path) -> None:
    kinds = {kind_of(key) for key in recorded(path)}
    missing = RECORDS.keys() - kinds
    assert path.stem != __version__ or not missing
    assert kinds <= RECORDS.keys() | BARE


@pytest.mark.parametrize(("record", "value"), list(records()))
def test_what_a_release_wrote_is_read_and_written_as_it_was(
    record: type[Record], value: bytes
) -> None:
    read = record.from_json(value)
    assert record.from_json(read.to_json()) == read
    written, before = json.loads(read.to_json()), json.loads(value)
    assert {name: before[name] for name in written} == written


@pytest.mark.parametrize(("record", "value"), list(records()))
def test_what_a_newer_release_adds_is_passed_over(record: type[Record], value: bytes) -> None:
    newer = json.dumps(_everywhere(json.loads(value), _add_a_field)).encode()
    read, unknown = record.from_newer_json(newer)
    assert read == record.from_json(value)
    # A job alone says what it doesn't know, for a field may say who is to run it.
    assert all(name.startswith("job.") for name in unknown)
    assert bool(unknown) is (record in (Assignment, Spec))


def _add_a_field(part: dict[str, Any]) -> dict[str, Any]:
    return {**part, "of_a_newer_version": {"any": "thing"}}


# Mappings of names to values: what is added to them is one more name.
_MAPPINGS = {
    *("presets", "preset_failures", "preset_sums"),
    *("env", "labels", "query", "headers"),
    *("facts", "deliveries"),
}


def _everywhere(
    value: Any, change: Callable[[dict[str, Any]], dict[str, Any]], name: str = ""
) -> Any:
    if isinstance(value, list):
        return [_everywhere(item, change) for item in value]
    if not isinstance(value, dict):
        return value
    inside = {key: _everywhere(item, change, key) for key, item in value.items()}
    return inside if name in _MAPPINGS else change(inside)
