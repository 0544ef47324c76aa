"""What is allowed and yet seldom meant. Warnings never stop anything."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from crony_ops.catalog.wording import Wording
from crony_ops.model.duration import format_duration
from crony_ops.model.job import Concurrency

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crony_ops.model.job import Job

_SECRET = re.compile(r"(PASSWORD|PASSWD|SECRET|TOKEN|API_?KEY|PRIVATE_KEY)$")


def warnings(job: Job, interval: int) -> Iterator[Wording]:
    """Of a sound job. ``interval`` is the shortest time between its ticks, in seconds."""
    if job.concurrency is Concurrency.forbid:
        if job.timeout is None and interval < 60:
            yield Wording(
                ("schedule",),
                f"it fires every {format_duration(interval)} and has no timeout: one run that "
                "hangs lets every later tick be skipped",
                "give it a `timeout`",
            )
        elif job.timeout is not None and job.timeout > interval:
            yield Wording(
                ("timeout",),
                f"a run may take longer than the {format_duration(interval)} to the next tick, "
                "which is then skipped (`concurrency: forbid`)",
                "shorten the timeout, or say `concurrency: allow` or `replace`",
            )
    if job.rerun and job.shell is not None and not job.presets and not job.run_on.bound:
        yield Wording(
            ("on_node_loss",),
            "a shell job without presets stays with its lost node, unless the watcher has "
            "`cmd_auto_allocation: true`: it is run again only when that node is back",
            "name the `presets` that it needs",
        )
    for name, value in job.env.items():
        if _SECRET.search(name.upper()) and value:
            yield Wording(
                ("env", name),
                "this looks like a secret, and would stand in git and in etcd for all to read",
                "let a preset write it to its environment file",
            )
