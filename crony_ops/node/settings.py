"""The agent's settings: `/etc/crony/node.yaml`."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from crony_ops.daemon.listen import Listen
from crony_ops.model.job import EnvName, UserName
from crony_ops.model.node import node_uuid
from crony_ops.model.part import Name
from crony_ops.model.size import Size
from crony_ops.store.settings import EtcdSettings


class NodeSettings(BaseModel):
    """Durations are in seconds. Every field has a default; without ``presets_dir`` the node offers
    no presets. An empty ``uuid`` follows from the cluster's and the node's names. Without a
    ``job_user`` it is the agent's own; without ``job_users`` a job may name anybody."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    etcd: EtcdSettings = EtcdSettings()
    cluster: Name = "crony"
    name: Name = Field(default_factory=lambda: socket.gethostname().partition(".")[0])
    uuid: Annotated[str, Field(pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]{0,62})?$")] = ""
    ip: str = ""
    groups: tuple[Name, ...] = ()
    state_dir: Path = Path("/var/lib/crony")
    presets_dir: Path | None = None
    job_user: Annotated[
        UserName | None, Field(description="whom a job runs as that names no user")
    ] = None
    job_users: Annotated[
        tuple[UserName, ...] | None, Field(description="whom a job may name besides")
    ] = None
    env: Annotated[dict[EnvName, str], Field(description="given to every run")] = {}
    listen: Annotated[Listen, Field(description="for /metrics and /healthz")] = "127.0.0.1:9107"
    ttl: Annotated[int, Field(ge=3)] = 10
    claim_ahead: Annotated[float, Field(ge=0.1, le=1.0)] = 1.0
    stop_grace: Annotated[float, Field(description="how long SIGTERM lets runs end")] = 30.0
    kill_grace: Annotated[float, Field(description="from TERM to KILL", le=4.0)] = 3.0
    keep_runs: Annotated[int, Field(ge=1, le=1000, description="records and logs of a job")] = 10
    keep_runs_each: Annotated[
        int, Field(ge=1, le=1000, description="records of a job that runs on every node")
    ] = 3
    spool_limit: Annotated[
        int, Field(ge=100, description="ends of runs that wait on the disk for etcd")
    ] = 10_000
    log_limit: Annotated[Size, Field(ge=65_536, description="bytes of one run's log")] = 10 * 2**20
    log_days: Annotated[float, Field(gt=0, description="the age at which a log goes")] = 30.0
    log_total: Annotated[Size, Field(ge=2**20, description="bytes of all logs on the disk")] = 2**30
    preset_timeout: float = 600.0

    @property
    def identity(self) -> str:
        """The node's uuid: the configured one, else what follows from the cluster and the name."""
        return self.uuid or node_uuid(self.cluster, self.name)
