"""Whom the jobs of this node run as, whatever their specs in etcd ask for. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crony_ops.model.job import Job


@dataclass(frozen=True, slots=True)
class JobUsers:
    """``own``: the agent's own user; ``default``: whom a job runs as that names nobody, None for
    the agent's own; ``others``: whom a job may name besides that one, None for anybody."""

    own: str
    default: str | None
    others: tuple[str, ...] | None

    def refusal(self, job: Job) -> str:
        """Why the job may not run here; empty where it may."""
        if job.user is None or self.others is None:
            return ""
        if job.user in self.others or job.user == (self.default or self.own):
            return ""
        return f"this node runs no job as {job.user}: its job_users does not name that user"

    def settle(self, job: Job) -> Job:
        """The job, with the user that it runs as; None still stands for the agent's own."""
        if job.shell is None or job.user is not None or self.default is None:
            return job
        return job.model_copy(update={"user": self.default})
