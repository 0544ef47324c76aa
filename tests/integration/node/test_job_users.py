"""Whom a job's runs really are: its user's, and with what stands in that user's environment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from crony_ops.model.run import RunRecord, RunState
from tests.faults.scene import scene

SECONDLY = {"schedule": "* * * * * *"}
WHO = 'echo "$(id -un) $(id -gn) $USER $HOME" >/dev/stderr'
USERS = {"node": {"job_user": "daemon", "job_users": ["nobody"]}}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes users")
async def test_a_job_is_its_users_and_never_one_that_the_node_does_not_allow(
    tmp_path: Path,
) -> None:
    jobs: dict[str, dict[str, Any]] = {
        "default": {**SECONDLY, "shell": WHO, "timeout": 30},
        "allowed": {**SECONDLY, "shell": WHO, "user": "nobody"},
        "forbidden": {**SECONDLY, "shell": f"touch {tmp_path}/ran", "user": "root"},
    }
    async with scene(tmp_path, nodes=1, overrides=USERS) as it:
        await it.sync(jobs)

        def told() -> dict[str, RunRecord]:
            return {r.job_id: r for r in it.evidence.records if isinstance(r, RunRecord)}

        await it.until(lambda: told().keys() == jobs.keys(), "each has run, or has not")
        for job_id, said in (
            ("default", "daemon daemon daemon /usr/sbin"),
            ("allowed", "nobody nogroup nobody /nonexistent"),
        ):
            assert told()[job_id].state is RunState.succeeded
            assert told()[job_id].attempts[0].output.strip() == said
        refused = told()["forbidden"]
        assert refused.state is RunState.failed
        assert "runs no job as root" in refused.reason
        assert refused.attempts == ()
        assert not (tmp_path / "ran").exists()
