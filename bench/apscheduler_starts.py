"""`python -m bench.apscheduler_starts FILE=COUNT@TIME...`: APScheduler in a process of its own.

So many jobs at that time (unix seconds), each of which adds the time of its start to the file. What
is late is not dropped: then there would be nothing to measure.
"""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime

from apscheduler.schedulers.blocking import BlockingScheduler

_GRACE = 600


def _start(file: str) -> None:
    subprocess.run(["/bin/bash", "-c", f"echo $EPOCHREALTIME >> {file}"], check=True)


def main() -> None:
    scheduler = BlockingScheduler(
        timezone=UTC, job_defaults={"misfire_grace_time": _GRACE, "max_instances": 1}
    )
    for order in sys.argv[1:]:
        file, _, rest = order.rpartition("=")
        count, _, at = rest.partition("@")
        for _ in range(int(count)):
            when = datetime.fromtimestamp(float(at), UTC)
            scheduler.add_job(_start, "date", run_date=when, args=[file])
    scheduler.start()


if __name__ == "__main__":
    main()
