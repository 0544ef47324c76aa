"""Why nothing is on record of a tick that was due. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crony_ops.cli.terminal.output import span
from crony_ops.cli.view.job_standing import why_no_node
from crony_ops.model.duration import format_duration
from crony_ops.model.run import GapRecord
from crony_ops.schedule import account_for_missed, parse_schedule, splay_offset

if TYPE_CHECKING:
    from crony_ops.cli.view.cluster_view import ClusterView
    from crony_ops.cli.view.job_story import JobStory

# A claim goes out a second ahead; what is not claimed by then has some trouble.
_PROMPT = 3.0


def untold(view: ClusterView, story: JobStory, tick: int, now: float, lane: str) -> str:
    """In a sentence. ``lane``: the name of the node that answers for it, for a job on every node,
    else empty."""
    cursor = story.cursors.get(lane)
    if cursor is None:
        if missing := why_no_node(view, story.row.job, now):
            return f"it did not run: {missing}"
        return "it does not run: the job has no cursor yet; the leader starts it from now"
    if tick <= cursor:
        return _settled(story, tick, lane)
    return f"{_waiting(view, story, tick, now, lane)}; {_forecast(story, tick, cursor, now)}"


def _settled(story: JobStory, tick: int, lane: str) -> str:
    """The cursor is past it, and no record is kept."""
    kept = [
        record for record in story.runs if not lane or (record.node_name or record.node) == lane
    ]
    begin = min((r.first if isinstance(r, GapRecord) else r.tick for r in kept), default=0)
    given = max(
        (h.assignment.assigned_at for h in story.holders if not lane or h.node == lane),
        default=0.0,
    )
    if tick < given <= begin:
        return (
            "nothing is kept from before the job as it is was given to its node: it ran before "
            "that, or not at all"
        )
    if tick < begin:
        return (
            f"it is accounted for, and nobody can tell how any more: the {len(kept)} records that "
            "are kept begin later"
        )
    if given > tick:
        return (
            "it did not run: the job as it is was given to its node after it, and what was due "
            "before a change is not made up"
        )
    return (
        "it did not run: the cursor was moved past it, as a resumption or a change of the schedule "
        "does"
    )


def _waiting(view: ClusterView, story: JobStory, tick: int, now: float, lane: str) -> str:
    if story.pause is not None:
        return f"it does not run: paused {story.row.reason}"
    missing = why_no_node(view, story.row.job, now)
    if missing:
        return f"it did not run yet: {missing}"
    late = now - tick - splay_offset(story.row.job, story.spec.job.splay)
    where = lane or " or ".join(holder.node for holder in story.holders if holder.alive)
    if late < _PROMPT:
        return f"{where} is about to claim it"
    return (
        f"{where} holds the job and has not claimed it for {span(late)}: its agent's log says why"
    )


def _forecast(story: JobStory, tick: int, cursor: int, now: float) -> str:
    """What becomes of it were its owner to look at it now."""
    if story.pause is not None:
        return "a resumption makes nothing up"
    job = story.spec.job
    missed = account_for_missed(
        parse_schedule(job.schedule, timezone=job.timezone, job_id=story.row.job),
        cursor=cursor,
        now=now,
        splay=splay_offset(story.row.job, job.splay),
        policy=job.misfire.policy.value,
        grace=job.misfire.grace,
        maximum=job.misfire.max,
    )
    rule = f"misfire: {job.misfire.policy.value}, grace {format_duration(job.misfire.grace)}"
    if missed is not None and tick in missed.make_up:
        return f"claimed now it would be made up ({rule})"
    return f"claimed now it would be recorded as missed ({rule})"
