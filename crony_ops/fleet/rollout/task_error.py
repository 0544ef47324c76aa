"""Why a task failed, in the words that are fit to be shown. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_LINES_KEPT = 20
_ESCAPES = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|.)?")
_HIDDEN = "its output is hidden: the task has no_log"


@dataclass(frozen=True, slots=True)
class TaskError:
    """``reason`` is one line, ``output`` the last lines of what the task said beyond it."""

    play: str
    task: str
    reason: str
    output: tuple[str, ...]


def task_error(play: str, task: str, result: Mapping[str, Any]) -> TaskError:
    """From a failed task's ``result``, of a loop from that of its first item that failed."""
    items = result.get("results")
    for item in items if isinstance(items, list) else ():
        if isinstance(item, Mapping) and (item.get("failed") or item.get("unreachable")):
            of_item = task_error(play, task, item)
            label = item.get("_ansible_item_label", item.get("item"))
            if label is None:
                return of_item
            reason = f"item {readable(label)}: {of_item.reason}"
            return TaskError(play, task, reason, of_item.output)
    if "censored" in result:
        return TaskError(play, task, _HIDDEN, ())
    told = readable(result.get("msg")).strip().removeprefix("Task failed: ")
    reason, *more = told.splitlines() or ["it gives no reason"]
    if result.get("rc"):
        reason += f" ({result['rc']})"
    said = next(
        (
            text.splitlines()
            for name in ("stderr", "module_stderr", "stdout", "module_stdout")
            if (text := readable(result.get(name)).strip())
        ),
        [],
    )
    return TaskError(play, task, reason, tuple([*more, *said][-_LINES_KEPT:]))


def readable(value: object) -> str:
    """Without what a terminal would obey: it may come from any program on any host."""
    text = "" if value is None else str(value).replace("\r\n", "\n")
    return "".join(c for c in _ESCAPES.sub("", text) if c.isprintable() or c in "\n\t")
