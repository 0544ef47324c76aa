"""What became of a tick, or will: from what etcd says of its job to a few sentences. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from crony_ops.cli.past_runs.run_words import end_in_words
from crony_ops.cli.terminal.output import brief, span
from crony_ops.cli.view.job_standing import why_no_node
from crony_ops.cli.why.clock_changes import clock_change
from crony_ops.cli.why.untold_tick import untold
from crony_ops.model.duration import format_duration
from crony_ops.model.job import Concurrency
from crony_ops.model.run import GapRecord, OpenRun, QueuedRun, RunKind, RunRecord
from crony_ops.schedule import parse_schedule, splay_offset

if TYPE_CHECKING:
    from crony_ops.cli.view.cluster_view import ClusterView
    from crony_ops.cli.view.job_story import JobStory


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence, and in a word what it is about."""

    about: str
    says: str


@dataclass(frozen=True, slots=True)
class TickStory:
    """``tick`` and ``fires_at`` (with splay) are in unix seconds, ``when`` is the tick as ISO 8601
    in the job's zone. The verdicts, one for each node of a job on every node, come first."""

    tick: int
    fires_at: int
    when: str
    findings: tuple[Finding, ...]


Evidence = RunRecord | GapRecord | OpenRun | QueuedRun


def explain_tick(view: ClusterView, story: JobStory, tick: int, now: float) -> TickStory:
    """``tick`` need not be one of the schedule. All times are in unix seconds."""
    job = story.spec.job
    offset = splay_offset(story.row.job, job.splay)
    evidence = [each for each in (*story.runs, *story.open, *story.queue) if _is_of(each, tick)]
    verdicts = []
    for lane in _lanes(story, evidence):
        own = [each for each in evidence if not lane or _lane_of(view, each) == lane]
        said = _verdict(view, own, tick + offset, now)
        if not said and tick + offset > now:
            said = _to_come(view, story, tick + offset, now, lane)
        said = said or untold(view, story, tick, now, lane)
        verdicts.append(Finding("verdict", f"{lane}: {said}" if lane else said))
    findings = [*verdicts, *_of_runs(view, evidence, now), *_of_schedule(story, tick, offset)]
    return _story(story, tick, offset, findings)


def explain_order(view: ClusterView, story: JobStory, run_id: str, now: float) -> TickStory:
    """A run that somebody asked for, beside the schedule."""
    own: list[Evidence] = [e for e in (*story.runs, *story.open) if e.run_id == run_id]
    tick = last_tick(own[0])
    findings = [
        Finding("verdict", _verdict(view, own, tick, now)),
        *_of_runs(view, own, now),
        Finding("asked for", "somebody gave the order `crony-ops run`; the schedule has no say"),
    ]
    return _story(story, tick, 0, findings)


def _lane_of(view: ClusterView, evidence: Evidence) -> str:
    """The name of the node that it tells of."""
    if isinstance(evidence, OpenRun):
        return view.name_of(evidence.node)
    if isinstance(evidence, QueuedRun):
        return evidence.node
    return evidence.node_name or evidence.node


def _story(story: JobStory, tick: int, offset: int, findings: list[Finding]) -> TickStory:
    when = datetime.fromtimestamp(tick, ZoneInfo(story.spec.job.timezone)).isoformat()
    return TickStory(tick, tick + offset, when, tuple(findings))


def _lanes(story: JobStory, evidence: list[Evidence]) -> list[str]:
    """The names of the nodes that each answer for the tick; one empty name where the job has a
    single cursor."""
    if not story.spec.job.run_on.every:
        return [""]
    told = {each.run_id.partition("@")[2] for each in evidence}
    return sorted({holder.node for holder in story.holders} | told - {""}) or [""]


def is_order(evidence: Evidence) -> bool:
    """Whether it is of a run that somebody asked for, which has no tick of the schedule."""
    return isinstance(evidence, RunRecord | OpenRun) and evidence.kind is RunKind.once


def last_tick(evidence: Evidence) -> int:
    return evidence.last if isinstance(evidence, GapRecord) else evidence.tick


def _is_of(evidence: Evidence, tick: int) -> bool:
    first = evidence.first if isinstance(evidence, GapRecord) else evidence.tick
    return not is_order(evidence) and first <= tick <= last_tick(evidence)


def _verdict(view: ClusterView, evidence: list[Evidence], fires_at: int, now: float) -> str:
    """Of what tells most: what is under way, what is to come, what ended, what was missed."""
    for run in evidence:
        if isinstance(run, OpenRun):
            node = view.name_of(run.node)
            if run.node not in view.alive:
                return (
                    f"it was under way on {node} when that was lost; the leader will record it so"
                )
            if fires_at > now:
                return f"{node} has claimed it, and is about to start it"
            return f"it is under way on {node} since {span(now - run.claimed_at)}"
    for queued in evidence:
        if isinstance(queued, QueuedRun):
            left = queued.not_before - now
            wait = f", in {span(left)} at the soonest" if left > 0 else ""
            return f"it is to be made up{wait}: {queued.reason}"
    records = [each for each in evidence if isinstance(each, RunRecord)]
    if records:
        return end_in_words(max(records, key=lambda record: record.ended_at))
    for gap in evidence:
        if isinstance(gap, GapRecord):
            of = f", one of {gap.count:,} ticks in a row" if gap.count > 1 else ""
            return f"it was missed{of}: {gap.reason}"
    return ""


def _to_come(view: ClusterView, story: JobStory, fires_at: int, now: float, lane: str) -> str:
    pause = story.pause
    if pause is not None and (pause.until is None or pause.until > fires_at):
        return f"it will not run unless the job is resumed: paused {story.row.reason}"
    missing = why_no_node(view, story.row.job, now)
    if missing:
        return f"it will not run as things stand: {missing}"
    where = lane or " or ".join(h.node for h in story.holders if h.alive)
    said = f"it is to run on {where} in {span(fires_at - now)}"
    if story.open and story.spec.job.concurrency is Concurrency.forbid:
        return f"{said}, or to be skipped, if the run that is under way has not ended then (forbid)"
    return said


def _of_runs(view: ClusterView, evidence: list[Evidence], now: float) -> list[Finding]:
    found = []
    for each in sorted(evidence, key=lambda each: each.run_id):
        node = _lane_of(view, each)
        if isinstance(each, OpenRun):
            found.append(Finding("claim", _claim(view, each, node, now)))
        elif isinstance(each, RunRecord):
            found.append(Finding("run", f"{each.run_id}: {_times(each)}"))
            if each.incarnation:
                found.append(
                    Finding("claim", f"{each.run_id}: {node} claimed it {_fenced_by(each)}")
                )
            if each.late:
                because = each.late_because or "it is not said why"
                found.append(Finding("late", f"{brief(each.late)} after its time: {because}"))
        elif isinstance(each, GapRecord):
            at = f"{span(now - each.at)} ago"
            found.append(Finding("gap", f"{each.run_id}: recorded {at} by {node or 'the leader'}"))
    return found


def _claim(view: ClusterView, run: OpenRun, node: str, now: float) -> str:
    said = f"{run.run_id}: {node} claimed it {span(now - run.claimed_at)} ago"
    said += f" {_fenced_by(run)}"
    present = view.nodes.get(run.node)
    if run.incarnation and present is not None and present.incarnation != run.incarnation:
        return f"{said}, and has another lease since: it came anew"
    return said


def _fenced_by(run: OpenRun | RunRecord) -> str:
    """What its claim was held to. A version before this one noted no epoch."""
    epoch = f", epoch {run.epoch}" if run.epoch else ""
    return f"under lease {run.incarnation:x}{epoch}"


def _times(record: RunRecord) -> str:
    kind = {RunKind.queued: "made up or again", RunKind.once: "asked for"}.get(record.kind, "")
    tries = f"{len(record.attempts)} attempts" if len(record.attempts) > 1 else ""
    again = f"re-run {record.rerun}" if record.rerun else ""
    if record.started_at is None:
        begun = "never started"
    else:
        begun = f"started {max(0.0, record.started_at - record.tick):.1f} s after its tick"
    return ", ".join(words for words in (begun, tries, again or kind) if words)


def _of_schedule(story: JobStory, tick: int, offset: int) -> list[Finding]:
    job = story.spec.job
    zone = ZoneInfo(job.timezone)
    schedule = parse_schedule(job.schedule, timezone=job.timezone, job_id=story.row.job)
    interval = schedule.describe_interval(tick)
    found = []
    if schedule.newest_at(tick) == tick:
        found.append(Finding("schedule", f"{job.schedule} ({job.timezone}), {interval}"))
    else:
        said = f"{job.schedule} ({job.timezone}), {interval}, has no such tick: it was another then"
        found.append(Finding("schedule", said))
    if change := clock_change(zone, tick):
        found.append(Finding("clocks", change))
    if job.splay:
        window = format_duration(job.splay)
        found.append(Finding("splay", f"it fires {offset} s after the tick, of {window}"))
    return found
