"""The key space: the only place that spells a key.

A prefix that is listed or watched ends in ``/``, so that ``/crony/job/n1`` never matches ``n10``.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Keys:
    """All keys under one prefix, ``/crony`` unless configured otherwise (no slash at its end)."""

    root: str = "/crony"

    @property
    def everything(self) -> str:
        return f"{self.root}/"

    def node(self, node: str) -> str:
        return f"{self.root}/node/{node}"

    @property
    def nodes(self) -> str:
        return f"{self.root}/node/"

    def job(self, node: str, job_id: str) -> str:
        return f"{self.root}/job/{node}/{job_id}"

    def jobs_of(self, node: str) -> str:
        return f"{self.root}/job/{node}/"

    @property
    def jobs(self) -> str:
        return f"{self.root}/job/"

    def once(self, job_id: str) -> str:
        return f"{self.root}/once/{job_id}"

    @property
    def onces(self) -> str:
        return f"{self.root}/once/"

    def proc(self, node: str, job_id: str, pid: int) -> str:
        return f"{self.root}/proc/{node}/{job_id}/{pid}"

    def procs_of(self, node: str) -> str:
        return f"{self.root}/proc/{node}/"

    def kill(self, node: str, job_id: str, run_id: str) -> str:
        return f"{self.root}/kill/{node}/{job_id}/{run_id}"

    def kills_on(self, node: str) -> str:
        return f"{self.root}/kill/{node}/"

    def system_switch(self, node: str) -> str:
        return f"{self.root}/system/{node}/switch"

    def system_info(self, node: str) -> str:
        return f"{self.root}/system/{node}/get"

    def spec(self, job_id: str) -> str:
        return f"{self.root}/spec/{job_id}"

    @property
    def specs(self) -> str:
        return f"{self.root}/spec/"

    @property
    def sync(self) -> str:
        return f"{self.root}/sync"

    @property
    def sync_lock(self) -> str:
        return f"{self.root}/sync-lock"

    def cursor(self, job_id: str, node: str = "") -> str:
        """``node`` (a uuid) for a job that runs on every node: each has a cursor of its own."""
        return f"{self.root}/tick/{job_id}/{node}" if node else f"{self.root}/tick/{job_id}"

    @property
    def cursors(self) -> str:
        return f"{self.root}/tick/"

    def queued(self, job_id: str, run_id: str) -> str:
        return f"{self.root}/queue/{job_id}/{run_id}"

    def queue_of(self, job_id: str) -> str:
        return f"{self.root}/queue/{job_id}/"

    @property
    def queue(self) -> str:
        return f"{self.root}/queue/"

    def open(self, node: str, job_id: str, run_id: str) -> str:
        return f"{self.root}/open/{node}/{job_id}/{run_id}"

    def open_on(self, node: str) -> str:
        return f"{self.root}/open/{node}/"

    @property
    def opens(self) -> str:
        return f"{self.root}/open/"

    def run(self, job_id: str, run_id: str) -> str:
        return f"{self.root}/run/{job_id}/{run_id}"

    def runs_of(self, job_id: str) -> str:
        return f"{self.root}/run/{job_id}/"

    @property
    def runs(self) -> str:
        return f"{self.root}/run/"

    def news(self, job_id: str, run_id: str) -> str:
        return f"{self.root}/news/{job_id}/{run_id}"

    @property
    def all_news(self) -> str:
        return f"{self.root}/news/"

    def health(self, job_id: str) -> str:
        return f"{self.root}/health/{job_id}"

    @property
    def healths(self) -> str:
        return f"{self.root}/health/"

    def failover(self, node: str, incarnation: int) -> str:
        return f"{self.root}/failover/{node}/{incarnation:x}"

    def failover_job(self, node: str, incarnation: int, job_id: str) -> str:
        return f"{self.root}/failover/{node}/{incarnation:x}/{job_id}"

    def failover_jobs(self, node: str, incarnation: int) -> str:
        return f"{self.root}/failover/{node}/{incarnation:x}/"

    @property
    def failovers(self) -> str:
        return f"{self.root}/failover/"

    def alert(self, alert_id: str) -> str:
        return f"{self.root}/alert/{alert_id}"

    @property
    def alerts(self) -> str:
        return f"{self.root}/alert/"

    def silence(self, silence_id: str) -> str:
        return f"{self.root}/silence/{silence_id}"

    @property
    def silences(self) -> str:
        return f"{self.root}/silence/"

    def roster(self, node: str) -> str:
        return f"{self.root}/roster/{node}"

    @property
    def rosters(self) -> str:
        return f"{self.root}/roster/"

    def cordon(self, node: str) -> str:
        return f"{self.root}/cordon/{node}"

    @property
    def cordons(self) -> str:
        return f"{self.root}/cordon/"

    def pause(self, job_id: str) -> str:
        return f"{self.root}/pause/{job_id}"

    @property
    def pauses(self) -> str:
        return f"{self.root}/pause/"

    def watcher(self, watcher_id: str) -> str:
        return f"{self.root}/watcher/{watcher_id}"

    @property
    def watchers(self) -> str:
        return f"{self.root}/watcher/"

    @property
    def rebalance(self) -> str:
        return f"{self.root}/rebalance"

    @property
    def leader(self) -> str:
        return f"{self.root}/leader"

    @property
    def meta(self) -> str:
        return f"{self.root}/meta"
