"""One job file: from its bytes to sound jobs and every problem in it. Pure."""

from __future__ import annotations

import codecs
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError

from crony_ops.catalog.defaults import with_defaults
from crony_ops.catalog.lint import Timing, warnings
from crony_ops.catalog.presets import missing_preset
from crony_ops.catalog.problem import Level, Problem
from crony_ops.catalog.timing import window_schedules
from crony_ops.catalog.wording import Wording, bad_id, nearest, word
from crony_ops.catalog.yaml_mistakes import split_lines
from crony_ops.catalog.yaml_tree import NOTHING, Found, find, read_tree
from crony_ops.errors import BadSchedule
from crony_ops.model.job import JOB_ID, Job

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crony_ops.catalog.inventory import Inventory
    from crony_ops.catalog.timing import Intervals
    from crony_ops.catalog.yaml_tree import Path

_TOP = ("defaults", "jobs")
# More errors than that in one job are noise, and each costs a search.
_MOST = 100
_ONE_ACTION = "a job has exactly one of `shell` and `http`"


class WrittenJob(NamedTuple):
    """A sound job. ``line`` and ``column`` (from 1) are those of its id."""

    id: str
    job: Job
    line: int
    column: int


@dataclass(frozen=True)
class JobFile:
    """``places`` holds the line and column of every id in the file, also of jobs that are not
    sound; ``problems`` are errors and warnings, in no order."""

    jobs: tuple[WrittenJob, ...] = ()
    places: dict[str, tuple[int, int]] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    text: str = ""

    @cached_property
    def lines(self) -> list[str]:
        return split_lines(self.text)


def read_job_file(
    name: str,
    content: bytes,
    preset_sums: dict[str, str] | None,
    intervals: Intervals,
    inventory: Inventory | None = None,
) -> JobFile:
    """Read one file. ``preset_sums`` are those of the scripts there are; None: there is no folder
    of presets. Without an ``inventory`` no node and group is looked up. Never raises for what
    stands in the file."""
    content = content.removeprefix(codecs.BOM_UTF8)
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        before = split_lines(content[: error.start].decode(errors="ignore"))
        return JobFile(
            problems=(
                Problem(
                    name,
                    len(before),
                    len(before[-1]) + 1,
                    "",
                    "the file is not UTF-8",
                    "save it as UTF-8",
                ),
            )
        )
    return _Reading(name, text, preset_sums, intervals, inventory).read(content)


class _Reading:
    """A file while it is read: where to report, and what was reported."""

    def __init__(
        self,
        name: str,
        text: str,
        preset_sums: dict[str, str] | None,
        intervals: Intervals,
        inventory: Inventory | None,
    ) -> None:
        self._name = name
        self._inventory = inventory
        self._text = text
        self._preset_sums = preset_sums
        self._intervals = intervals
        self._problems: dict[tuple[int, int, str], Problem] = {}
        self._flawed: set[tuple[int, int]] = set()
        self._places: dict[str, tuple[int, int]] = {}
        self._entries: dict[str, Found] = {}
        self._tree = NOTHING

    def read(self, content: bytes) -> JobFile:
        tree = self._tree = read_tree(content)
        for flaw in tree.flaws:
            self._add(flaw.line, flaw.column, flaw.path, flaw.what, flaw.mend)
            self._flawed.add((flaw.line, flaw.column))
        jobs: tuple[WrittenJob, ...] = ()
        if isinstance(tree.data, dict):
            jobs = tuple(self._read_top(tree.data))
        elif tree.data is None and not tree.flaws:
            mend = "write `jobs:` with jobs below it, or remove the file"
            self._report((), Wording((), "the file is empty", mend))
        elif not tree.flaws:
            what = "a job file is a mapping with `jobs`, and perhaps `defaults`"
            self._report((), Wording((), what, _JOBS_EXAMPLE))
        return JobFile(jobs, self._places, tuple(self._problems.values()), self._text)

    def _read_top(self, data: dict[str, Any]) -> Iterator[WrittenJob]:
        for key in data.keys() - set(_TOP):
            self._report((), Wording((key,), *_unknown_top(key, data[key]), at_key=True))
        defaults = self._read_defaults(data.get("defaults"))
        if "jobs" not in data:
            mend = "write `jobs:` with the jobs indented below it"
            self._report((), Wording(("jobs",), "`jobs` is missing", mend))
            return
        jobs = data["jobs"]
        if not isinstance(jobs, dict):
            what = "no job is written here" if jobs is None else "a mapping of job ids belongs here"
            mend = "write `jobs: {}` if there is to be none" if jobs is None else _JOBS_EXAMPLE
            self._report((), Wording(("jobs",), what, mend))
            return
        self._entries = self._find_entries(jobs)
        for job_id, written in jobs.items():
            line, column = self._places[job_id] = self._place(self._entries[job_id], at_key=True)
            job = self._read_job(job_id, written, defaults)
            if job is not None:
                yield WrittenJob(job_id, job, line, column)

    def _find_entries(self, jobs: dict[str, Any]) -> dict[str, Found]:
        """The nodes of each job, in one pass: to find each by its path would be quadratic."""
        entries: dict[str, Found] = {}
        for key, value in self._find(("jobs",)).value.value:
            if isinstance(key.value, str):
                entries.setdefault(key.value, Found(0, key, value))
        for merged_in in jobs.keys() - entries.keys():
            entries[merged_in] = self._find(("jobs", merged_in))
        return entries

    def _read_defaults(self, defaults: Any) -> dict[str, Any]:
        """Check the defaults by themselves: they are right or wrong with no job using them."""
        if defaults is None:
            return {}
        if not isinstance(defaults, dict):
            self._report((), Wording(("defaults",), "a mapping of fields belongs here", ""))
            return {}
        try:
            Job.model_validate(defaults)
        except ValidationError as invalid:
            for error in invalid.errors(include_url=False)[:_MOST]:
                if error["type"] != "missing" and error["loc"]:
                    self._report(("defaults",), word(error, defaults))
        for fault in islice(self._faults("", defaults), _MOST):
            self._report(("defaults",), fault)
        return defaults

    def _read_job(self, job_id: str, written: Any, defaults: dict[str, Any]) -> Job | None:
        named = JOB_ID.fullmatch(job_id) is not None
        if not named:
            self._report_of_job(job_id, Wording((), *bad_id(job_id), at_key=True))
        if not isinstance(written, dict):
            what = "the job is empty" if written is None else "a job is a mapping of fields"
            self._report_of_job(job_id, Wording((), what, _JOB_EXAMPLE, at_key=True))
            return None
        merged = with_defaults(defaults, written) if defaults else written
        job: Job | None = None
        try:
            job = Job.model_validate(merged)
        except ValidationError as invalid:
            for error in invalid.errors(include_url=False)[:_MOST]:
                self._report_of_job(job_id, word(error, merged))
            # Pydantic does not come to the rules over several fields while one of them is wrong.
            if ("shell" in merged) == ("http" in merged):
                place = ("shell",) if "shell" in merged else ()
                self._report_of_job(job_id, Wording(place, _ONE_ACTION, "", at_key=True))
        faults = list(islice(self._faults(job_id, merged), _MOST))
        for fault in faults:
            self._report_of_job(job_id, fault)
        if job is None or faults or not named:
            return None
        interval = self._intervals.of(job.schedule, job.timezone, job_id)
        if isinstance(interval, int):
            changes = self._intervals.changes(job.schedule, job.timezone, job_id)
            timing = Timing(interval, changes, self._intervals.of_windows(job, job_id))
            for warning in warnings(job, timing, self._inventory):
                self._report_of_job(job_id, warning, Level.warning)
        return job

    def _faults(self, job_id: str, written: dict[str, Any]) -> Iterator[Wording]:
        """What the model can't know: schedule, time zone, and whether the presets are there."""
        zone = written.get("timezone", "UTC")
        zone_fault = self._intervals.zone_fault(zone) if isinstance(zone, str) else None
        if zone_fault is not None:
            yield Wording(("timezone",), str(zone_fault), "")
        usable = zone if isinstance(zone, str) and zone_fault is None else "UTC"
        schedule = written.get("schedule")
        if isinstance(schedule, str):
            fault = self._intervals.of(schedule, usable, job_id)
            if isinstance(fault, BadSchedule):
                yield Wording(("schedule",), str(fault), "")
        for index, begins in window_schedules(written):
            fault = self._intervals.of(begins, usable, job_id)
            if isinstance(fault, BadSchedule):
                yield Wording(("maintenance", index, "schedule"), str(fault), "")
        presets = written.get("presets")
        for index, preset in enumerate(presets if isinstance(presets, list) else ()):
            if isinstance(preset, str) and preset not in (self._preset_sums or {}):
                yield Wording(("presets", index), *missing_preset(preset, self._preset_sums))

    def _report_of_job(self, job_id: str, wording: Wording, level: Level = Level.error) -> None:
        """At its place in the job, or in the defaults if that is where it comes from."""
        entry = self._entries[job_id]
        own = find(entry.value, wording.path)
        if self._find(("defaults", *wording.path)).depth - 1 > own.depth:
            self._report(("defaults",), wording, level, job_id)
        else:
            if own.key is None:
                own = own._replace(key=entry.key)
            self._report_at(own, ("jobs", job_id), wording, level, job_id)

    def _report(
        self, base: Path, wording: Wording, level: Level = Level.error, job_id: str = ""
    ) -> None:
        found = self._find((*base, *wording.path))
        found = found._replace(depth=found.depth - len(base))
        self._report_at(found, base, wording, level, job_id)

    def _report_at(
        self, found: Found, base: Path, wording: Wording, level: Level, job_id: str
    ) -> None:
        # A field that is missing is shown where it should be: at the key of what lacks it.
        at_key = wording.at_key or found.depth < len(wording.path)
        line, column = self._place(found, at_key=at_key)
        if (line, column) in self._flawed:
            return  # the YAML is wrong here, and what the model makes of that helps nobody
        path = (*base, *wording.path)
        self._add(line, column, path, wording.what, wording.mend, level, job_id)

    def _add(
        self,
        line: int,
        column: int,
        path: Path,
        what: str,
        mend: str,
        level: Level = Level.error,
        job_id: str = "",
    ) -> None:
        text = self._lines[line - 1] if line <= len(self._lines) else ""
        problem = self._problems.setdefault(
            (line, column, what),
            Problem(self._name, line, column, _dotted(path), what, mend, level, text, set()),
        )
        if job_id:
            problem.jobs.add(job_id)

    @cached_property
    def _lines(self) -> list[str]:
        return split_lines(self._text)

    def _find(self, path: Path) -> Found:
        return find(self._tree.root, path)

    @staticmethod
    def _place(found: Found, *, at_key: bool) -> tuple[int, int]:
        node = found.key if at_key and found.key is not None else found.value
        return node.start_mark.line + 1, node.start_mark.column + 1


_JOBS_EXAMPLE = "write `jobs: {my-job: {schedule: …, shell: …}}`"
_JOB_EXAMPLE = 'write `schedule: "30 2 * * *"` and `shell: …` below it'


def _unknown_top(key: str, value: Any) -> tuple[str, str]:
    if isinstance(value, dict) and value.keys() & {"schedule", "shell", "http"}:
        return "a job stands outside of `jobs`", "indent it below `jobs:`"
    return "a job file has `jobs` and `defaults` only", nearest(key, _TOP)


def _dotted(path: Path) -> str:
    words = ""
    for step in path:
        words += f"[{step}]" if isinstance(step, int) else f".{step}" if words else step
    return words
