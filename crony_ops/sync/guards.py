"""When a sync must not go on without ``--force``."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from crony_ops.errors import SyncRefused

if TYPE_CHECKING:
    from pathlib import Path

    from crony_ops.sync.plan import Plan

REMOVALS_ALWAYS_FINE = 5
REMOVED_SHARE_FINE = 0.5


def check_removals(plan: Plan, stored: int) -> None:
    """Raises SyncRefused when most of the ``stored`` jobs would go: most likely by mistake, from
    the wrong folder or the wrong branch."""
    count = len(plan.removed)
    if count > REMOVALS_ALWAYS_FINE and count > REMOVED_SHARE_FINE * stored:
        raise SyncRefused(
            reason=f"it would remove {count} of {stored} jobs; if that is meant, use --force"
        )


def check_descent(root: Path, commit: str, last: str) -> None:
    """Raises SyncRefused unless ``commit`` descends from ``last``, the commit synced last.

    So a pipeline that was slow, or is run again, does not bring old jobs back. Both are commit
    hashes, or empty where there is no git; then there is nothing to compare.
    """
    if not commit or not last or commit == last:
        return
    answer = subprocess.run(
        ["git", "-C", str(root), "merge-base", "--is-ancestor", last, commit],
        check=False,
        capture_output=True,
    )
    if answer.returncode == 1:
        raise SyncRefused(
            reason=f"{commit[:7]} does not descend from {last[:7]}, which was synced last; "
            "if it is to replace that one, use --force"
        )
    if answer.returncode != 0:
        raise SyncRefused(
            reason=f"{last[:7]}, which was synced last, is unknown here: fetch it "
            "(a shallow clone lacks it: git fetch --unshallow), or use --force"
        )
