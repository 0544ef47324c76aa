"""How far a rollout is, by the events of a real one: of a playbook with two plays, the first in
batches of three, on five hosts of which one goes well, one can't be reached, and one is hidden."""

from __future__ import annotations

import json
from functools import reduce
from pathlib import Path
from typing import Any

import pytest

from crony_ops.cli.rollout_screen import by_task, news
from crony_ops.fleet.rollout.course import (
    Change,
    Course,
    HostState,
    after,
    before_it_begins,
    cut_short,
    done_and_total,
)
from crony_ops.fleet.rollout.outline import PlayOutline, all_hosts, read_outline
from crony_ops.fleet.rollout.task_error import TaskError, readable, task_error

EVENTS: list[dict[str, Any]] = [
    json.loads(line)
    for line in (Path(__file__).parent / "rollout_events.jsonl").read_text().splitlines()
]
HOSTS = ("a", "b", "c", "d", "e")
PLAYS = (PlayOutline(HOSTS, 7), PlayOutline(HOSTS, 1))
REFUSED = (
    "Failed to connect to the host via ssh: ssh: connect to host 127.0.0.1 port 1: "
    "Connection refused"
)
PRINTED = """
playbook: playbooks/site.yml

  play #1 (nodes): Install	TAGS: []
    pattern: ['nodes']
    hosts (2):
      web-2
      web-1
    tasks:
      crony_node : Write the file	TAGS: [node]
      Look	TAGS: []

  play #2 (watchers): watchers	TAGS: []
    pattern: ['watchers']
    hosts (0):
    tasks:
      Last	TAGS: []

  play #3 (localhost): Here	TAGS: []
    pattern: ['localhost']
    hosts (1):
      localhost
    tasks:
"""


def up_to(kind: str, host: str = "", task: str = "") -> Course:
    """As it was when that event had just come, for the first time."""
    course = before_it_begins(HOSTS)
    for event in EVENTS:
        course = after(course, event)
        data = event["event_data"]
        if (
            event["event"] == kind
            and host in (data.get("host"), "")
            and data.get("task", "") == task
        ):
            return course
    raise AssertionError((kind, host, task))


def in_the_end() -> Course:
    return reduce(after, EVENTS, before_it_begins(HOSTS))


def states(course: Course) -> dict[str, str]:
    return {name: str(host.state) for name, host in course.hosts.items()}


def test_before_it_begins_every_host_waits() -> None:
    assert set(states(before_it_begins(HOSTS)).values()) == {"waiting"}


def test_a_batch_that_has_not_begun_waits() -> None:
    course = up_to("runner_on_start", "b", "Write the file")
    assert states(course) == dict.fromkeys("ab", "running") | dict.fromkeys("cde", "waiting")
    assert course.hosts["b"].task == "Write the file"


def test_what_breaks_has_failed_until_it_is_rescued() -> None:
    broken = up_to("runner_on_failed", "a", "Breaks")
    assert broken.hosts["a"].state is HostState.failed
    rescued = up_to("runner_on_start", "a", "Mends")
    assert rescued.hosts["a"].state is HostState.running


def test_how_it_stands_in_the_end_is_ansibles_own_word() -> None:
    course = in_the_end()
    assert course.settled
    assert states(course) == {
        "a": "changed",
        "b": "failed",
        "c": "failed",
        "d": "unreachable",
        "e": "changed",
    }
    assert [(h.ok, h.changed, h.skipped) for h in course.hosts.values()] == [
        (5, 2, 3),
        (3, 2, 2),
        (3, 2, 3),
        (0, 0, 0),
        (4, 2, 4),
    ]


def test_each_host_that_failed_says_why_and_what_was_rescued_or_ignored_does_not() -> None:
    errors = {name: host.error for name, host in in_the_end().hosts.items()}
    hidden = "its output is hidden: the task has no_log"
    assert errors == {
        "a": None,
        "b": TaskError("Install", "Secret", hidden, ()),
        "c": TaskError("Install", "Loop", "item 3: non-zero return code (3)", ("sought 3",)),
        "d": TaskError("Install", "Write the file", REFUSED, ()),
        "e": None,
    }


def test_a_change_has_its_diff_and_what_only_failed_is_none() -> None:
    changes = in_the_end().changes
    assert {(change.host, change.task) for change in changes} == {
        (host, "Write the file") for host in "abce"
    }
    assert changes[0].diff == "--- before\n+++ after: /srv/c\n@@ -0,0 +1 @@\n+c\n"


def test_what_is_cut_short_was_interrupted_where_something_was_under_way() -> None:
    course = cut_short(up_to("runner_on_start", "a", "Mends"))
    assert states(course)["a"] == "interrupted"
    assert course.hosts["a"].error is None
    assert states(course)["e"] == "waiting"
    assert cut_short(in_the_end()) == in_the_end()


def test_the_bar_never_goes_back_and_ends_at_its_end() -> None:
    course, seen = before_it_begins(HOSTS), [(0, 40)]
    for event in EVENTS:
        course = after(course, event)
        seen.append(done_and_total(course, PLAYS))
    assert [total for _, total in seen] == [40] * len(seen)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1] == (40, 40)


def test_a_batch_goes_on_with_its_play() -> None:
    first, second = done_and_total(up_to("runner_on_ok", "c", "Look"), PLAYS)
    assert (first, second) == (5, 40)
    assert done_and_total(up_to("runner_on_start", "a", "Last"), PLAYS) == (35, 40)


def test_a_play_whose_hosts_are_chosen_while_it_runs_may_be_for_all() -> None:
    plays = (PlayOutline(("a", "b"), 1), PlayOutline((), 7))
    assert done_and_total(before_it_begins(HOSTS), plays) == (0, 16)
    assert done_and_total(in_the_end(), plays) == (16, 16)


def test_what_is_news_is_told_once() -> None:
    course, told = before_it_begins(HOSTS), []
    for event in EVENTS:
        before, course = course, after(course, event)
        told += list(news(before, course))
    assert told[:2] == [
        "play Install",
        "c  change  Write the file\n--- before\n+++ after: /srv/c\n@@ -0,0 +1 @@\n+c",
    ]
    assert [line for line in told if " failed " in line or " unreachable " in line] == [
        "a  failed  Breaks: non-zero return code (1)",
        "b  failed  Secret: its output is hidden: the task has no_log",
        "c  failed  Loop: item 3: non-zero return code (3)",
        f"d  unreachable  Write the file: {REFUSED}",
    ]
    assert sum(line.startswith("play ") for line in told) == 2


def test_a_diff_begins_with_the_diff() -> None:
    told = {
        "event": "runner_on_file_diff",
        "event_data": {"host": "a"},
        "stdout": "\r\nTASK [crony_node : Write its settings] *****\r\n--- before\r\n+x\r\n",
    }
    assert after(before_it_begins("a"), told).diffs == {"a": "--- before\n+x\n"}


def test_changes_are_told_task_by_task() -> None:
    changes = [
        Change(*each, "")
        for each in (("b", "Write"), ("a", "Write"), ("a", "Look"), ("a", "Write"), ("c", "Write"))
    ]
    assert by_task(changes) == [("Write", "a, b, c"), ("Look", "a"), ("Write", "a")]


@pytest.mark.parametrize(
    "event",
    [{}, {"event": "EOF"}, {"event": "verbose", "stdout": "x"}, {"event": "x", "event_data": None}],
)
def test_an_event_of_no_interest_changes_nothing(event: dict[str, Any]) -> None:
    assert after(in_the_end(), event) == in_the_end()


def test_what_ansible_itself_complains_of_is_kept() -> None:
    event = {"event": "error", "stdout": "[ERROR]: User interrupted\r\n execution"}
    assert after(in_the_end(), event).complaints == ("User interrupted execution",)
    event = {
        "event": "error",
        "stdout": "[ERROR]: a bug: no number\r\nTraceback (most recent):\n x",
    }
    assert after(in_the_end(), event).complaints == ("a bug: no number",)


def test_an_outline_has_each_plays_hosts_and_tasks() -> None:
    plays = read_outline(PRINTED)
    assert plays == (
        PlayOutline(("web-1", "web-2"), 2),
        PlayOutline((), 1),
        PlayOutline(("localhost",), 0),
    )
    assert all_hosts(plays) == ("localhost", "web-1", "web-2")
    assert read_outline("") == ()


@pytest.mark.parametrize(
    ("result", "reason", "output"),
    [
        ({}, "it gives no reason", ()),
        ({"msg": "no such\nfile"}, "no such", ("file",)),
        ({"msg": "bad", "rc": 2, "stderr": "one\ntwo\n"}, "bad (2)", ("one", "two")),
        ({"msg": "bad", "stderr": "", "stdout": "said"}, "bad", ("said",)),
        ({"msg": "bad", "module_stderr": "trace"}, "bad", ("trace",)),
        (
            {"msg": "bad", "stderr": "\n".join(map(str, range(99)))},
            "bad",
            tuple(map(str, range(79, 99))),
        ),
        ({"msg": ["a list"]}, "['a list']", ()),
        ({"censored": "x", "msg": "hunter2"}, "its output is hidden: the task has no_log", ()),
        ({"msg": "some", "results": [{"failed": False}, {"censored": "x"}]}, "some", ()),
        ({"results": [{"failed": True, "msg": "bad"}]}, "bad", ()),
    ],
)
def test_why_a_task_failed(result: dict[str, Any], reason: str, output: tuple[str, ...]) -> None:
    assert task_error("p", "t", result) == TaskError("p", "t", reason, output)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        ("a\r\nb\tc", "a\nb\tc"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]52;c;aGk=\x1b\\text", "text"),
        ("\x1bctext\x07\x08\x9b31m", "text31m"),
        ("\x1b", ""),
    ],
)
def test_no_host_gives_orders_to_a_terminal(value: object, shown: str) -> None:
    assert readable(value) == shown
