"""Which of a job's runs a person means. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from crony_ops.errors import InvalidInput

if TYPE_CHECKING:
    from crony_ops.cli.past_runs.job_runs import JobRuns
    from crony_ops.model.run import OpenRun, RunRecord

_NAMED = 5
_BACKWARDS = re.compile(r"-[0-9]{1,4}")


class NoSuchRun(InvalidInput):
    message = "{job} has no run {run}: {known}"


def chosen_run(runs: JobRuns, named: str | None) -> RunRecord | OpenRun:
    """``named`` is a part of one run's id, or ``-1`` for the newest, ``-2`` for the one before.
    Not named: the newest that is under way, for a later one that was skipped has nothing to show;
    else the newest.

    Raises NoSuchRun, with the ids that there are.
    """
    ids: dict[str, RunRecord | OpenRun] = {run.run_id: run for run in reversed(runs.open)}
    ids |= {run.run_id: run for run in runs.ended}
    newest_first = sorted(ids, reverse=True)
    if named is None and runs.open:
        return max(runs.open, key=lambda run: run.run_id)
    wanted = "-1" if named is None else named
    if _BACKWARDS.fullmatch(wanted):
        meant = newest_first[-int(wanted) - 1 :][:1] if int(wanted) else []
    else:
        meant = [run_id for run_id in newest_first if run_id == wanted]
        meant = meant or [run_id for run_id in newest_first if wanted in run_id]
    if len(meant) == 1:
        return ids[meant[0]]
    if meant:
        raise NoSuchRun(
            job=runs.job_id, run=repr(wanted), known=f"it may be any of {_first(meant)}"
        )
    known = f"etcd knows {_first(newest_first)}" if ids else "etcd keeps none"
    raise NoSuchRun(job=runs.job_id, run="to show" if named is None else repr(wanted), known=known)


def _first(ids: list[str]) -> str:
    more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
    return ", ".join(ids[:_NAMED]) + more
