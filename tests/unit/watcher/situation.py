"""A fleet and its jobs at one moment, to be placed. Who may have a job and who has to leave is said
here once more, without the words of the code under test."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from crony_ops.model.node import Node
from crony_ops.watcher.eligibility import Fleet, Want
from crony_ops.watcher.placement import Placement, Step, place

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crony_ops.model.job import RunOn

Value = TypeVar("Value")


class Situation:
    def __init__(self) -> None:
        super().__init__()
        self.nodes: dict[str, Node] = {}
        self.down: set[str] = set()
        self.marked: dict[str, set[str]] = {"cordoned": set(), "evicting": set(), "skewed": set()}
        self.wants: dict[str, Want] = {}
        self.homes: dict[str, dict[str, int]] = {}
        self.away: dict[str, str] = {}
        self.leaving: set[tuple[str, str]] = set()
        self.busy: set[tuple[str, str]] = set()
        self.revision = 0

    def comes(self, uuid: str, groups: Sequence[str], offered: tuple[str, ...]) -> None:
        presets = {"p": offered} if offered else {}
        name = f"n{uuid[1:]}"
        self.nodes[uuid] = Node(
            uuid=uuid, name=name, groups=tuple(groups), presets=presets, incarnation=1
        )
        self.down.discard(uuid)

    def is_wanted(self, job_id: str, run_on: RunOn, sums: dict[str, str], movable: bool) -> None:
        self.revision += 1
        movable = movable and not run_on.bound
        self.wants[job_id] = Want(job_id, self.revision, run_on, sums, movable)

    def mark(self, uuid: str, marks: str) -> None:
        for mark, uuids in self.marked.items():
            (uuids.add if mark in marks.split() else uuids.discard)(uuid)

    def fleet(self) -> Fleet:
        alive = {uuid: node for uuid, node in self.nodes.items() if uuid not in self.down}
        marks = {mark: frozenset(uuids) for mark, uuids in self.marked.items()}
        return Fleet(alive, dict(self.nodes), **marks)

    def decide(self) -> Placement:
        wants, busy = list(self.wants.values()), frozenset(self.busy)
        return place(wants, self.homes, self.fleet(), busy, self.away, self.leaving)

    def decide_from_the_other_end(self) -> Placement:
        wants, busy, there = list(self.wants.values()), frozenset(self.busy), self.fleet()
        marks = (there.cordoned, there.evicting, there.skewed)
        turned = Fleet(backwards(there.alive), backwards(there.known), *marks)
        homes = {job_id: backwards(homes) for job_id, homes in backwards(self.homes).items()}
        return place(wants, homes, turned, busy, backwards(self.away), sorted(self.leaving))

    def take(self, steps: list[Step]) -> None:
        for step in steps:
            job_id, homes = step.job_id, self.homes.setdefault(step.job_id, {})
            homes.pop(step.source, None)
            self.leaving.discard((step.source, job_id))
            self.away.pop(job_id, None)
            if step.target:
                homes[step.target] = self.wants[job_id].revision
                if step.stands_in_for:
                    self.away[job_id] = step.stands_in_for
                if step.leaving:
                    self.leaving.add((step.target, job_id))
            if not homes:
                del self.homes[job_id]

    def is_up(self, uuid: str) -> bool:
        return uuid in self.nodes and uuid not in self.down

    def allows(self, want: Want, uuid: str) -> bool:
        run_on, node = want.run_on, self.nodes.get(uuid)
        if node is None:
            return False
        return run_on.node in (None, node.name) and run_on.group in (None, *node.groups)

    def is_ready(self, want: Want, uuid: str) -> bool:
        presets = self.nodes[uuid].presets
        return all(total in presets.get(name, ()) for name, total in want.preset_sums.items())

    def may_have(self, want: Want) -> set[str]:
        up = {uuid for uuid in self.nodes if self.is_up(uuid)}
        open_to_all = up - self.marked["cordoned"] - self.marked["skewed"]
        return {u for u in open_to_all if self.allows(want, u) and self.is_ready(want, u)}

    def why_leave(self, want: Want, uuid: str) -> str:
        """Why the job can't stay on a node that it has, empty if it can."""
        if not self.allows(want, uuid):
            return "not allowed"
        if want.run_on.every:
            return ""
        if uuid in self.down:
            return "lost" if want.movable else ""
        if uuid in self.marked["evicting"] and want.movable:
            return "drained"
        away = self.away.get(want.job_id, uuid)
        if away != uuid and away in self.may_have(want):
            return "home"
        return "" if self.is_ready(want, uuid) else "unready"

    def merit(self, want: Want, uuid: str) -> tuple[bool, bool]:
        """Of two nodes that both have the job, the one to keep comes first."""
        return not self.is_up(uuid), not self.allows(want, uuid)

    def is_where_it_may_be(self, want: Want, resting: Placement) -> None:
        job_id, may = want.job_id, self.may_have(want)
        homes = self.homes.get(job_id, {})
        busy = {uuid for uuid in homes if (uuid, job_id) in self.busy}
        assert bool(homes) != (job_id in resting.unplaced)
        assert homes or not may, "it is on no node, and one may have it"
        if want.run_on.every:
            assert may <= homes.keys(), "it lacks a node"
        elif len(homes) > 1:
            assert len(homes) <= 1 + len(busy), "it is on more nodes than it has runs on"
            assert job_id in resting.held
            return
        due = {uuid: why for uuid in homes if (why := self.why_leave(want, uuid))}
        assert (job_id in resting.held) == bool(due), "who can't leave yet is named"
        for uuid, why in due.items():
            stuck = not may and why in ("drained", "unready")
            assert uuid in busy or stuck, f"it stays though {why}"
        for uuid, revision in homes.items():
            assert revision == want.revision or uuid in due, "it has an old spec"
            if not want.run_on.every:
                last_run = due.get(uuid) == "not allowed" or (due.get(uuid) == "drained" and may)
                told = (uuid, job_id) in self.leaving
                assert told == bool(last_run and uuid in busy), "its node is told wrong"


def backwards(mapping: Mapping[str, Value]) -> dict[str, Value]:
    return dict(reversed(list(mapping.items())))
