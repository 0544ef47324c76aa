"""What a playbook would do, by the word of `ansible-playbook --list-tasks --list-hosts`. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_PLAY = "  play #"
_HOSTS = "    hosts ("
_TASKS = "    tasks:"
_ENTRY = "      "


@dataclass(frozen=True, slots=True)
class PlayOutline:
    """What is known before it begins. ``tasks`` counts neither handlers, nor what a task includes
    only while it runs; ``hosts`` are none where they are chosen only then."""

    hosts: tuple[str, ...]
    tasks: int


def read_outline(printed: str) -> tuple[PlayOutline, ...]:
    """The plays in their order, each with its hosts by name."""
    plays: list[PlayOutline] = []
    hosts: list[str] = []
    tasks, part = 0, ""
    for line in [*printed.splitlines(), _PLAY]:
        if line.startswith(_PLAY):
            if part:
                plays.append(PlayOutline(tuple(sorted(hosts)), tasks))
            hosts, tasks, part = [], 0, _PLAY
        elif line.startswith((_HOSTS, _TASKS)):
            part = _HOSTS if line.startswith(_HOSTS) else _TASKS
        elif line.startswith(_ENTRY) and part == _HOSTS:
            hosts.append(line.strip())
        elif line.startswith(_ENTRY) and part == _TASKS:
            tasks += 1
    return tuple(plays)


def all_hosts(outline: Sequence[PlayOutline]) -> tuple[str, ...]:
    return tuple(sorted({host for play in outline for host in play.hosts}))
