"""What the nemesis will do, and when: a pure function of seed, duration and stage.

Several lanes go on at once, each with one thing at a time. So what is away at any moment is
bounded by what the lanes may take: two of the five agents, one watcher, one etcd member (or, on
purpose and for seconds, all of them), and a few links.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tests.faults.proof.company import ETCDS, NODES, TTL, WATCHERS, WITH_A_DISK
from tests.faults.proof.history import Kind

ALL, LEADER, ONE = "all", "leader", "one"
"""Targets among the etcd members or watchers that are known only when it comes to it."""
_SETTLING = 2.0
"""Seconds at the beginning, and after a rolling restart, in which nothing is done."""
_LAST = 6.0
"""Seconds at the very end: in the first half all comes to be well, later answers are lost."""
_ROLLING_EVERY = 240.0
_ROLLING_STEP = 1.0
LOST_ANSWERS = {"way": "down", "answers": "lost"}
"""A link that is cut one way, and then for good: what was asked through it was done."""
_HELD_UP = {"held up": "yes"}
_HELD_UP_BEFORE = 1.0
"""Seconds: every agent claims something in each."""
_ARRIVES_BEFORE = 0.5


@dataclass(frozen=True, slots=True)
class Step:
    """``at`` in seconds from the beginning, ``lasts`` in seconds. ``target``: a process, a link
    (`node-1>etcd-2`), all links of a process (`node-1>`, `>etcd-2`), or one of the words above with
    its family (`etcd leader`). An order's target is chosen by its ``number``."""

    at: float
    kind: Kind
    target: str = ""
    lasts: float = 0.0
    detail: dict[str, str] = field(default_factory=dict)
    number: int = 0

    @property
    def until(self) -> float:
        return self.at + self.lasts


@dataclass(frozen=True, slots=True)
class Deed:
    """A kind of step and how it may turn out: ``lasts`` from … to … seconds; ``rest``: so long
    the lane does nothing after it, at the least. ``overtaken``: what the process sent right before
    is held up on its way, and arrives while it is still away."""

    kind: Kind
    targets: Sequence[str] = ("",)
    lasts: tuple[float, float] = (0.0, 0.0)
    details: Sequence[dict[str, str]] = ({},)
    rest: float = 0.3
    overtaken: bool = False


def plan(seed: int, duration: float, *, disk: bool = True, orders: bool = True) -> list[Step]:
    """In order of time; all is over by ``duration`` seconds. ``disk``: whether an agent has one
    of its own."""
    found: list[list[Step]] = []
    lanes_end = duration - _LAST
    for began, ended in _windows(lanes_end):
        for name, lane in _lanes(disk=disk, orders=orders).items():
            chance = random.Random(f"{seed} {name} {began}")
            found.append(list(_fill(lane, chance, began, ended)))
        found.append(list(_rolling_restart(ended)) if ended < lanes_end else [])
    if any(found):
        found.append([_last(name, duration) for name in NODES])
    steps = list(heapq.merge(*found, key=lambda step: step.at))
    held_up = [step for step in steps if step.detail == _HELD_UP]
    return [step for step in steps if not any(_is_in_the_way(step, one) for one in held_up)]


def _last(node: str, duration: float) -> Step:
    """Claims are made whose answers are lost, and no death of their node settles them later."""
    at = round(duration - _LAST / 2, 3)
    return Step(at, Kind.cut_one_way, f"{node}>", 1.5, LOST_ANSWERS)


def _is_in_the_way(step: Step, held_up: Step) -> bool:
    """Whether it is another fault of the same links at the same time."""
    client, joined, _ = step.target.partition(">")
    return (
        joined != ""
        and step is not held_up
        and held_up.target == f"{client}>"
        and step.at <= held_up.until
        and step.until >= held_up.at
    )


def _windows(duration: float) -> Iterator[tuple[float, float]]:
    """The times between the rolling restarts."""
    restarting = _ROLLING_STEP * len((*ETCDS, *WATCHERS, *NODES)) + _SETTLING
    began = 0.0
    while duration - began > _ROLLING_EVERY + restarting + _SETTLING:
        yield began, began + _ROLLING_EVERY
        began += _ROLLING_EVERY + restarting
    yield began, duration


def _rolling_restart(began: float) -> Iterator[Step]:
    for number, name in enumerate((*ETCDS, *WATCHERS, *NODES)):
        at = began + number * _ROLLING_STEP
        yield Step(at, Kind.restart, name, 0.5, {"rolling": "yes"})


@dataclass(frozen=True, slots=True)
class Lane:
    """Its deeds in shuffled decks, so that each of them comes; ``pause``: from … to … seconds
    between two."""

    deeds: Sequence[Deed]
    pause: tuple[float, float]


def _fill(lane: Lane, chance: random.Random, began: float, ended: float) -> Iterator[Step]:
    at = began + _SETTLING + chance.uniform(*lane.pause)
    while True:
        deck = list(lane.deeds)
        chance.shuffle(deck)
        for deed in deck:
            lasts = chance.uniform(*deed.lasts)
            if at + _HELD_UP_BEFORE + lasts > ended - _SETTLING:
                return
            target, detail = chance.choice(deed.targets), chance.choice(deed.details)
            number = chance.randrange(1 << 30)
            if deed.overtaken:
                held_up = lasts + _HELD_UP_BEFORE - _ARRIVES_BEFORE
                yield Step(round(at, 3), Kind.drop, f"{target}>", round(held_up, 3), _HELD_UP)
                at += _HELD_UP_BEFORE
            yield Step(round(at, 3), deed.kind, target, round(lasts, 3), detail, number)
            at += lasts + deed.rest + chance.uniform(*lane.pause)


def _lanes(*, disk: bool, orders: bool) -> dict[str, Lane]:
    web, db = tuple(NODES)[:3], tuple(NODES)[3:]
    lanes = {
        "members": Lane(_member_deeds(), (1.0, 4.0)),
        "history": Lane([*[Deed(Kind.compact)] * 4, Deed(Kind.defragment, ETCDS)], (2.0, 6.0)),
        "watchers": Lane(_watcher_deeds(), (3.0, 8.0)),
        "web agents": Lane(_agent_deeds(web), (2.0, 6.0)),
        "db agents": Lane([*_agent_deeds(db), *(_disk_deeds() if disk else ())], (2.0, 6.0)),
        "links of web": Lane(_link_deeds((*web, "watcher-1")), (1.0, 4.0)),
        "links of db": Lane(_link_deeds((*db, "watcher-2")), (1.0, 4.0)),
    }
    return lanes | (_order_lanes() if orders else {})


def _member_deeds() -> list[Deed]:
    one, leader = (f"etcd {word}" for word in (ONE, LEADER))
    return [
        Deed(Kind.kill, [one, leader], (0.2, 5.0), rest=1.0),
        Deed(Kind.kill, [leader], (1.0, 3.0), rest=1.0),
        Deed(Kind.freeze, [one, leader], (0.2, 3 * TTL), rest=1.0),
        Deed(Kind.restart, [one], (0.3, 1.0), rest=1.0),
        Deed(Kind.kill, [f"etcd {ALL}"], (0.5, 2 * TTL), rest=4.0),
        Deed(Kind.freeze, [f"etcd {ALL}"], (0.5, TTL), rest=2.0),
        Deed(Kind.space, lasts=(1.0, 2.0), rest=8.0),
    ]


def _watcher_deeds() -> list[Deed]:
    one, leader = (f"watcher {word}" for word in (ONE, LEADER))
    return [
        Deed(Kind.kill, [leader, one], (0.2, 6.0), rest=1.0),
        Deed(Kind.freeze, [leader, one], (0.2, 3 * TTL), rest=1.0),
        Deed(Kind.restart, [leader, one], (0.3, 1.0), rest=1.0),
        Deed(Kind.clock, WATCHERS, (1.0, 4.0), _SKEWS),
    ]


def _agent_deeds(names: Sequence[str]) -> list[Deed]:
    return [
        Deed(Kind.kill, names, (0.05, 1.0)),
        Deed(Kind.kill, names, (TTL, 2.5 * TTL), rest=1.0),
        Deed(Kind.freeze, names, (0.2, TTL)),
        Deed(Kind.freeze, names, (TTL, 3 * TTL), rest=1.0),
        Deed(Kind.freeze, names, (1.5 * TTL, 2.5 * TTL), rest=1.0, overtaken=True),
        Deed(Kind.restart, names, (0.3, 1.0), rest=1.0),
        Deed(Kind.clock, names, (1.0, 4.0), _SKEWS),
    ]


_SKEWS = (
    {"offset": "3600"},
    {"offset": "-3600"},
    {"drift": "0.2"},
    {"drift": "-0.2"},
    {"offset": "1.5"},
)


def _disk_deeds() -> list[Deed]:
    return [Deed(Kind.disk, [WITH_A_DISK], (0.5, 5.0))] * 2


def _link_deeds(clients: Sequence[str]) -> list[Deed]:
    single = [f"{client}>{member}" for client in clients for member in ETCDS]
    whole = [f"{client}>" for client in clients]
    ways = ({"way": "up"}, {"way": "down"}, LOST_ANSWERS)
    return [
        Deed(Kind.cut, [*single, *whole], (0.1, 2.0)),
        Deed(Kind.cut, whole, (TTL, 2 * TTL), rest=1.0),
        Deed(Kind.cut_one_way, [*single, *whole], (0.2, 4.0), ways),
        Deed(Kind.cut_one_way, whole, (TTL, 2 * TTL), ways, rest=1.0),
        Deed(Kind.delay, [*single, *whole], (0.5, 3.0), [{"seconds": s} for s in ("0.1", "0.5")]),
        Deed(Kind.delay, whole, (0.5, 3.0), [{"seconds": s} for s in ("1", "2")]),
        Deed(Kind.drop, [*single, *whole], (0.2, 2.0)),
        Deed(Kind.drop, whole, (TTL, 3 * TTL), rest=1.0),
        *[Deed(Kind.half_open, [*single, *whole], (0.1, 1.0))] * 2,
    ]


def _order_lanes() -> dict[str, Lane]:
    evict: Sequence[dict[str, str]] = ({}, {"evict": "yes"})
    asked = [*[Deed(Kind.run)] * 3, *[Deed(Kind.kill_run)] * 2, Deed(Kind.rebalance)]
    return {
        "files": Lane([Deed(Kind.sync)], (3.0, 7.0)),
        "pauses": Lane(
            [Deed(Kind.pause, lasts=(0.8, 2.5)), Deed(Kind.pause, lasts=(1.0, 8.0))], (0.5, 4.0)
        ),
        "cordons": Lane([Deed(Kind.cordon, tuple(NODES), (3.0, 10.0), evict)], (4.0, 12.0)),
        "people": Lane(asked, (1.0, 4.0)),
    }
