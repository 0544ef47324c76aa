"""A jobs folder in a git repository of its own."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path


class Repository:
    """Job files are written as JSON, which is YAML."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.jobs = root / "jobs"
        self.jobs.mkdir(parents=True)
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=Ann", "-c", "user.email=ann@example.com")
        command = ["git", "-C", str(self.root), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def write(self, file: str, **jobs: str) -> Path:
        """Jobs by id, each with its command; ``_`` in an id stands for ``-``."""
        path = self.jobs / file
        body = {
            job_id.replace("_", "-"): {"schedule": "30 2 * * *", "shell": shell}
            for job_id, shell in jobs.items()
        }
        path.write_text(json.dumps({"jobs": body}, indent=1))
        return path

    def write_many(self, files: int, jobs_each: int) -> None:
        for f in range(files):
            self.write(f"f{f:02}.yaml", **{f"j_{f:02}_{j:03}": "true" for j in range(jobs_each)})

    def commit(self, words: str = "more") -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", words)
        return self.git("rev-parse", "HEAD")
