"""What is news to somebody who watches `status`."""

from __future__ import annotations

import dataclasses
import io
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from crony_ops.cli.standing.changes import changed, facts
from crony_ops.cli.standing.document import StatusDocument, status_document
from crony_ops.cli.standing.text import status_grid
from crony_ops.cli.standing.watch import Frame, sheet
from crony_ops.model.node import Cordon
from crony_ops.store.member_status import MemberStatus
from tests.unit.cli.views import KEYS, NOW, example_view

UP = MemberStatus("etcd-1", "127.0.0.1:1", db_size=1 << 20, is_leader=True)


def document(now: float = NOW, **fields: object) -> StatusDocument:
    found = status_document(example_view(), (UP,), None, now)
    return replace(found, **fields)  # type: ignore[arg-type]


def test_that_time_passes_is_no_news() -> None:
    later = document(NOW + 3)
    grown = (dataclasses.replace(UP, db_size=1 << 21),)
    nodes = tuple(replace(node, seen_at=node.seen_at + 3) for node in later.nodes)
    same = replace(later, nodes=nodes, etcd=grown, revision=99)
    assert changed(facts(document()), facts(same)) == frozenset()


def test_the_line_of_what_changed_is_named() -> None:
    before = document()
    cordoned = example_view(also={KEYS.cordon("u-web-1"): Cordon(who="ada", at=NOW)})
    after = status_document(cordoned, (UP,), None, NOW)
    assert changed(facts(before), facts(after)) == {" web-1"}
    gone = replace(before, failing=(), nodes=before.nodes[1:])
    assert changed(facts(before), facts(gone)) == {" web-1", "failing"}


labels = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 2))


@given(labels, labels)
def test_nothing_changed_means_the_same_facts(
    before: dict[str, object], after: dict[str, object]
) -> None:
    assert (changed(before, after) == frozenset()) == (before == after)
    assert changed(before, after) == changed(after, before)


def drawn(frame: Frame, now: float = NOW) -> str:
    out = io.StringIO()
    console = Console(file=out, width=200, force_terminal=True, color_system="standard")
    console.print(sheet(frame, now))
    return out.getvalue()


def test_what_changed_stands_out() -> None:
    frame = Frame(document(), "", frozenset(), frozenset({"jobs", " web-1"}))
    assert "\x1b[1;7mjobs" in drawn(frame)
    assert "\x1b[7mweb-1" in drawn(frame)
    out = io.StringIO()
    Console(file=out, width=200).print(status_grid(document()))
    assert "\x1b" not in out.getvalue()


def test_the_last_look_stays_while_etcd_is_away_and_says_how_old_it_is() -> None:
    away = drawn(Frame(document(), "etcd can't be reached", frozenset(), frozenset()), NOW + 70)
    assert "etcd can't be reached" in away
    assert "how it stood 1 m ago:" in away
    assert "prod · " in away
    first = drawn(Frame(None, "etcd can't be reached", frozenset(), frozenset()))
    assert "how it stood" not in first
