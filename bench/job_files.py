"""Job files as a team may have them: some fields in each job, some defaults in each file."""

from __future__ import annotations

from pathlib import Path

_HEAD = """\
defaults:
  timezone: Asia/Shanghai
  notify: {to: [ops@example.com]}
jobs:
"""
_JOB = """\
  job-{file:03}-{number:03}:
    description: dump database {number} of team {file}
    schedule: "{number} {hour} * * *"
    shell: pg_dump app{number} | gzip > /backup/{file}/app{number}-$CRONY_TICK.gz
    run_on: {{group: db}}
    workdir: /var/lib/postgresql
    env: {{PGHOST: db-{file}.internal}}
    timeout: 30m
    retries: {{count: 3, delay: 10s}}
"""


def write_job_files(folder: Path, files: int, jobs: int) -> Path:
    """``jobs`` (60 at most) in each of ``files`` files; the folder is made."""
    folder.mkdir()
    for file in range(files):
        text = "".join(
            _JOB.format(file=file, number=number, hour=file % 24) for number in range(jobs)
        )
        (folder / f"team-{file:03}.yaml").write_text(_HEAD + text)
    return folder
