"""A history in a folder is read as it was written."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.faults.proof.history import (
    LEDGER,
    WRITES,
    read_history,
    read_write,
    write_history,
    write_line,
)
from tests.unit.proof import sound


def test_a_history_is_read_as_it_was_written(tmp_path: Path) -> None:
    history = sound.node_lost().history()
    write_history(history, tmp_path)
    (tmp_path / WRITES).write_text("".join(map(write_line, history.writes)), encoding="utf-8")
    lines = [
        {
            **{f: getattr(act, f) for f in ("event", "job", "run", "node", "attempt", "at")},
            "tick": datetime.fromtimestamp(act.tick, UTC).strftime("%Y%m%dT%H%M%SZ"),
        }
        for act in history.ledger
    ]
    (tmp_path / LEDGER).write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert read_history(tmp_path) == history


@pytest.mark.parametrize("line", ["", "7", "[1,2", '{"revision":1}'])
def test_a_line_that_is_no_write_is_refused(line: str) -> None:
    with pytest.raises((ValueError, TypeError)):
        read_write(line)
