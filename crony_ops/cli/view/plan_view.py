"""A plan for people: in colour on a terminal, or as markdown for a merge request."""

from __future__ import annotations

import html
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from rich.text import Text

from crony_ops.cli.terminal.output import span
from crony_ops.sync.plan import Action

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from rich.console import Console

    from crony_ops.catalog import Catalog, Problem
    from crony_ops.model.cluster import SyncRecord
    from crony_ops.sync.plan import JobChange, Outlook, Plan

_MARKS = {Action.add: ("+", "green"), Action.change: ("~", "yellow"), Action.remove: ("-", "red")}
# One very long name must not push all others off the screen.
_WIDEST = 40
_LONGEST_VALUE = 60
# A comment that is too long is refused, and then nobody sees anything.
_MARKDOWN_ROWS = 200
_BEFORE_DIFFERENCE = 12


def print_plan(console: Console, plan: Plan, against: SyncRecord | None, now: float) -> None:
    print_changes(console, plan, now)
    line = Text(f"{counts(plan)}    ", style="bold")
    line.append(f"against {sync_words(against, now)}", style="not bold")
    console.print(line, soft_wrap=True)


def print_changes(console: Console, plan: Plan, now: float, *, limit: int | None = None) -> None:
    """A line for each job, and one more for each further field; the first ``limit`` jobs only."""
    shown = list(plan)[:limit]
    ids = _width(change.job_id for change in shown)
    places = _width(map(_place, shown))
    lines: list[Text] = []
    for change in shown:
        mark, style = _MARKS[change.action]
        lead = f"{mark} {change.job_id:<{ids}}  {_place(change):<{places}}"
        for detail in _details(change, now):
            line = Text(lead, style=style)
            line.append(f"  {detail}", style="not bold default")
            line.rstrip()
            lines.append(line)
            lead = " " * len(lead)
    if lines:
        console.print(Text("\n").join(lines), soft_wrap=True)
    if len(shown) < len(plan):
        console.print(f"  … and {len(plan) - len(shown):,} more", soft_wrap=True)


def counts(plan: Plan) -> str:
    words = (
        f"{len(plan.added):,} to add, {len(plan.changed):,} to change, "
        f"{len(plan.removed):,} to remove, {plan.unchanged:,} unchanged"
    )
    return f"{words}, {len(plan.kept):,} in no file but kept" if plan.kept else words


def sync_words(record: SyncRecord | None, now: float) -> str:
    if record is None:
        return "a store without a sync"
    commit = f" {record.commit[:7]}{' (dirty)' if record.dirty else ''}" if record.commit else ""
    return f"sync{commit} of {span(now - record.at)} ago"


def warnings_of(plan: Plan, catalog: Catalog) -> list[Problem]:
    """What `validate` warns of in the jobs that the plan adds or changes."""
    concerned = {change.job_id for change in (*plan.added, *plan.changed)}
    return [warning for warning in catalog.warnings if not concerned.isdisjoint(warning.jobs)]


def plan_markdown(plan: Plan, against: SyncRecord | None, now: float) -> str:
    lines = [f"**crony-ops plan:** {counts(plan)}, against {sync_words(against, now)}", ""]
    if len(plan):
        lines += ["| | job | where | what |", "| --- | --- | --- | --- |"]
    for change in list(plan)[:_MARKDOWN_ROWS]:
        mark, _ = _MARKS[change.action]
        details = "<br>".join(_markdown_details(change, now))
        place = html.escape(_place(change)).replace("|", "\\|")
        lines.append(f"| `{mark}` | `{change.job_id}` | {place} | {details} |")
    if len(plan) > _MARKDOWN_ROWS:
        lines += ["", f"… and {len(plan) - _MARKDOWN_ROWS:,} more"]
    return "\n".join(lines) + "\n"


def _markdown_details(change: JobChange, now: float) -> Iterator[str]:
    for change_of in change.fields:
        old, new = _pair(change_of.old, change_of.new)
        yield f"{_code(change_of.field)} {_code(old)} → {_code(new)}"
    rest = list(_details(change, now))[len(change.fields) :]
    yield from (html.escape(detail) for detail in rest)


def _code(words: str) -> str:
    """As HTML, since a table's cell can hold neither a bar nor a backtick between backticks."""
    return f"<code>{html.escape(words).replace('|', '&#124;').replace('`', '&#96;')}</code>"


def _details(change: JobChange, now: float) -> Iterator[str]:
    """First what changes, field by field, then when it runs."""
    outlook = change.outlook
    if change.action is Action.remove:
        if change.unreadable:
            yield "what is stored can't be read"
            return
        runs = f"runs {outlook.interval}" if outlook else ""
        yield f"{runs} on {', '.join(change.holders)}" if change.holders else runs
        return
    names = _width((change_of.field for change_of in change.fields), widest=_LONGEST_VALUE)
    for change_of in change.fields:
        old, new = _pair(change_of.old, change_of.new)
        yield f"{change_of.field:<{names}}  {old} → {new}"
    if change.action is Action.change and not change.fields:
        yield "what is stored can't be read" if change.unreadable else "stored in an older form"
    fields = {change_of.field for change_of in change.fields}
    if outlook and (change.action is Action.add or fields & {"schedule", "timezone"}):
        yield _next(outlook, now)
    elif change.action is Action.add:
        yield ""


def _next(outlook: Outlook, now: float) -> str:
    first = outlook.moments[0]
    return f"next {_moment(first)} (in {span(first.timestamp() - now)}), then {outlook.interval}"


def _moment(at: datetime) -> str:
    written = f"{at:%Y-%m-%d %H:%M}" if at.second == 0 else f"{at:%Y-%m-%d %H:%M:%S}"
    offset = at.isoformat()[19:]
    return f"{written} {offset}"


def _place(change: JobChange) -> str:
    if change.spec is None:
        return ""
    source = change.spec.source
    if change.action is Action.remove:
        return f"was {source.file}"
    return f"{source.file}:{source.line}"


def _pair(old: Any, new: Any) -> tuple[str, str]:
    """Both in one line each, cut to where they begin to differ."""
    before, after = _words(old), _words(new)
    if max(len(before), len(after)) <= _LONGEST_VALUE:
        return before, after
    pairs = zip(before, after, strict=False)
    start = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs)) - _BEFORE_DIFFERENCE
    return _cut(before, start), _cut(after, start)


def _cut(words: str, start: int) -> str:
    if start > 0:
        words = f"…{words[start:]}"
    return words if len(words) <= _LONGEST_VALUE else f"{words[: _LONGEST_VALUE - 1]}…"


def _words(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, list):
        return f"[{', '.join(map(_words, value))}]"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value).replace("\n", "⏎").replace("\t", " ") or "(empty)"


def _width(words: Iterable[str], *, widest: int = _WIDEST) -> int:
    return min(widest, max(map(len, words), default=0))
