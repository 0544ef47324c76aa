"""The watcher's settings: `/etc/crony/watcher.yaml`."""

from __future__ import annotations

import os
import socket
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from crony_ops.alerts.settings import AlertSettings
from crony_ops.daemon.listen import Listen
from crony_ops.model.part import Name
from crony_ops.store.settings import EtcdSettings


class WatcherSettings(BaseModel):
    """Durations are in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    etcd: EtcdSettings = EtcdSettings()
    cluster: Name = "crony"
    id: Name = Field(
        default_factory=lambda: f"{socket.gethostname().partition('.')[0]}-{os.getpid()}"
    )
    listen: Annotated[Listen, Field(description="for /metrics and /healthz")] = "127.0.0.1:9108"
    ttl: Annotated[int, Field(ge=3)] = 10
    reconcile_every: Annotated[float, Field(gt=0, le=300)] = 30.0
    cmd_auto_allocation: Annotated[
        bool, Field(description="whether shell jobs without presets may move to another node")
    ] = False
    fence_delay: Annotated[
        float, Field(ge=0, description="from a node's loss to the re-run of what it ran")
    ] = 5.0
    clock_tolerance: Annotated[float, Field(gt=0)] = 2.0
    keep_alerts: Annotated[int, Field(ge=1)] = 1000
    keep_failovers: Annotated[int, Field(ge=1)] = 100
    alerts: AlertSettings = AlertSettings()
