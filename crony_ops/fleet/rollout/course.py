"""The course of a rollout: how far it is on each host, from ansible-runner's events. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from crony_ops.fleet.rollout.outline import all_hosts
from crony_ops.fleet.rollout.task_error import TaskError, readable, task_error

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from crony_ops.fleet.rollout.outline import PlayOutline

_COMPLAINTS_KEPT = 20
# What Ansible prints between two tasks, if it has not done so yet.
_BANNER = re.compile(r"\A\s*(TASK|RUNNING HANDLER) \[.*\] \*+\n")
_RESULTS = ("runner_on_ok", "runner_on_failed", "runner_on_skipped", "runner_on_unreachable")


class HostState(StrEnum):
    """``waiting``: nothing has begun there, and at the end: nothing was done there."""

    waiting = "waiting"
    running = "running"
    ok = "ok"
    changed = "changed"
    failed = "failed"
    unreachable = "unreachable"
    interrupted = "interrupted"

    @property
    def bad(self) -> bool:
        return self in (HostState.failed, HostState.unreachable)


@dataclass(frozen=True, slots=True)
class HostCourse:
    """``task`` is the one under way, or the last; ``ok`` counts those that went well, the
    ``changed`` ones too. ``error`` is that of a host that failed or can't be reached."""

    host: str
    state: HostState
    task: str
    ok: int
    changed: int
    skipped: int
    error: TaskError | None


@dataclass(frozen=True, slots=True)
class Change:
    """What a task changed on a host, or would; ``diff`` as Ansible prints it, if it was asked."""

    host: str
    task: str
    diff: str


@dataclass(frozen=True, slots=True)
class Course:
    """``plays`` counts those that have begun, ``results`` what has come in of the last of them.
    ``complaints``: the last that Ansible itself said was wrong. ``diffs`` are those of a
    host's task that has not ended yet. ``settled``: Ansible has ended by itself, and how it stands
    on each host is its own word."""

    hosts: Mapping[str, HostCourse]
    changes: tuple[Change, ...] = ()
    complaints: tuple[str, ...] = ()
    play: str = ""
    play_id: str = ""
    plays: int = 0
    results: int = 0
    diffs: Mapping[str, str] = field(default_factory=dict)
    settled: bool = False


def before_it_begins(hosts: Iterable[str]) -> Course:
    return Course({host: _untouched(host) for host in hosts})


def after(course: Course, event: Mapping[str, Any]) -> Course:
    """An event that tells nothing of all this changes nothing."""
    kind = str(event.get("event", ""))
    data = event.get("event_data")
    if not isinstance(data, Mapping):
        data = {}
    if kind == "playbook_on_play_start":
        return _play_started(course, data)
    if kind == "runner_on_start":
        course = replace(course, diffs={**course.diffs, _host(data): ""})
        return _told(course, data, state=HostState.running, task=_task(data))
    if kind == "runner_on_file_diff":
        known = course.diffs.get(_host(data), "")
        diff = _BANNER.sub("", readable(event.get("stdout"))).strip("\n")
        diffs = {**course.diffs, _host(data): f"{known}{diff}\n" if diff else known}
        return replace(course, diffs=diffs)
    if kind in _RESULTS:
        return _result(replace(course, results=course.results + 1), kind, data)
    if kind == "playbook_on_stats":
        return _settled(course, data)
    if kind == "error":
        said, _, _ = readable(event.get("stdout")).partition("\nTraceback ")
        words = " ".join(said.removeprefix("[ERROR]: ").split())
        return replace(course, complaints=(*course.complaints, words)[-_COMPLAINTS_KEPT:])
    return course


def cut_short(course: Course) -> Course:
    """Nothing more will come: where something is under way, it was interrupted. What had failed
    there before was about to be rescued."""
    if course.settled:
        return course
    return replace(
        course,
        hosts={
            name: replace(host, state=HostState.interrupted, error=None)
            if host.state is HostState.running
            else host
            for name, host in course.hosts.items()
        },
    )


def done_and_total(course: Course, outline: Sequence[PlayOutline]) -> tuple[int, int]:
    """Results that have come, or won't come any more, and all that there may be to come: a play
    whose hosts nobody knows yet may be for all."""
    everyone = len(all_hosts(outline))
    results = [(len(play.hosts) or everyone) * play.tasks for play in outline]
    if course.settled:
        return sum(results), sum(results)
    begun = results[: course.plays]
    return sum(begun[:-1]) + min([course.results, *begun[-1:]]), sum(results)


def _untouched(host: str) -> HostCourse:
    return HostCourse(host, HostState.waiting, "", 0, 0, 0, None)


def _play_started(course: Course, data: Mapping[str, Any]) -> Course:
    """Each batch of a play that is `serial` starts it again, under the same id and a number."""
    play_id = str(data.get("uuid", "")).partition("_")[0]
    if play_id == course.play_id:
        return course
    return replace(
        course,
        play=readable(data.get("name")),
        play_id=play_id,
        plays=course.plays + 1,
        results=0,
    )


def _result(course: Course, kind: str, data: Mapping[str, Any]) -> Course:
    host = course.hosts.get(_host(data)) or _untouched(_host(data))
    result = data.get("res")
    result = result if isinstance(result, Mapping) else {}
    if kind == "runner_on_skipped":
        return _told(course, data, skipped=host.skipped + 1)
    if kind == "runner_on_ok" or data.get("ignore_errors"):
        changed = bool(result.get("changed"))
        told = _told(course, data, ok=host.ok + 1, changed=host.changed + changed)
        return _changed(told, data) if changed and kind == "runner_on_ok" else told
    state = HostState.failed if kind == "runner_on_failed" else HostState.unreachable
    return _told(course, data, state=state, error=task_error(course.play, _task(data), result))


def _changed(course: Course, data: Mapping[str, Any]) -> Course:
    change = Change(_host(data), _task(data), course.diffs.get(_host(data), ""))
    return replace(course, changes=(*course.changes, change))


def _settled(course: Course, data: Mapping[str, Any]) -> Course:
    """A failure that was rescued is none, and only now is it known."""
    counts = {key: data.get(key) or {} for key in ("ok", "changed", "skipped", "failures", "dark")}
    hosts = dict(course.hosts)
    for name in {*hosts, *(data.get("processed") or {})}:
        host = hosts.get(name) or _untouched(name)
        of_host = {key: int(each.get(name, 0)) for key, each in counts.items()}
        state = _final_state(host.state, of_host)
        hosts[name] = replace(
            host,
            state=state,
            ok=of_host["ok"],
            changed=of_host["changed"],
            skipped=of_host["skipped"],
            error=host.error if state.bad else None,
        )
    return replace(course, hosts=hosts, settled=True)


def _final_state(state: HostState, counts: Mapping[str, int]) -> HostState:
    if counts["dark"]:
        return HostState.unreachable
    if counts["failures"]:
        return HostState.failed
    if counts["changed"]:
        return HostState.changed
    return HostState.waiting if state is HostState.waiting else HostState.ok


def _told(course: Course, data: Mapping[str, Any], **news: Any) -> Course:
    name = _host(data)
    host = replace(course.hosts.get(name) or _untouched(name), **news)
    return replace(course, hosts={**course.hosts, name: host})


def _host(data: Mapping[str, Any]) -> str:
    return readable(data.get("host"))


def _task(data: Mapping[str, Any]) -> str:
    role = f"{data['role']} : " if data.get("role") else ""
    return readable(f"{role}{data.get('task', '')}")
