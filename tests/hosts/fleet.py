"""A fleet that was rolled out on the hosts of a lab, and the questions tests ask of it."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ansible_mitogen
import yaml

from crony_ops.local.ledger import LedgerLine, ledger_job, read_ledger
from tests.hosts.lab import CommandFailed, Host, Lab, Outcome
from tests.hosts.lab.inventory import REPOSITORY
from tests.hosts.warm_cli import WarmCli

LEDGER = "/srv/ledger/lines"
PRESETS = REPOSITORY / "roles/crony_node/files/presets"
_RECAP = re.compile(
    r"^(\S+)\s+: ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.MULTILINE
)
MITOGEN = {
    "ANSIBLE_STRATEGY": "mitogen_linear",
    "ANSIBLE_STRATEGY_PLUGINS": str(Path(ansible_mitogen.__file__).parent / "plugins/strategy"),
    "ANSIBLE_DEPRECATION_WARNINGS": "false",  # of strategies that are not Ansible's own
}
if os.environ.get("CRONY_HOSTS_PLAIN"):
    MITOGEN = {}


@dataclass(frozen=True, slots=True)
class Play:
    """How a playbook ended; what it changed on which host, by its name."""

    outcome: Outcome
    changed: Mapping[str, int]
    failed: tuple[str, ...]


def play(
    lab: Lab,
    inventory: Path,
    playbook: str,
    *arguments: str,
    check: bool = True,
    timeout: float = 900,
    plain: bool = False,
) -> Play:
    """Run ``playbooks/<playbook>.yml``. Raises CommandFailed if it fails and ``check`` is set.

    ``plain`` is as operators have it. Else Mitogen carries the modules, the same ones, to the
    hosts: it takes less than half the time.
    """
    command = ["ansible-playbook", "-i", str(inventory), f"playbooks/{playbook}.yml", *arguments]
    env = {} if plain else MITOGEN
    outcome = lab.run(command, env=env, check=check, timeout=timeout)
    counted = [(m[1], int(m[3]), int(m[4]) + int(m[5])) for m in _RECAP.finditer(outcome.out)]
    return Play(
        outcome,
        changed={host: changed for host, changed, _ in counted},
        failed=tuple(host for host, _, failed in counted if failed),
    )


class Fleet:
    """``inventory`` names the hosts; ``ttl`` of each node and watcher, in seconds."""

    def __init__(self, lab: Lab, hosts: Sequence[Host], inventory: Path, ttl: int) -> None:
        self.lab = lab
        self.hosts = tuple(hosts)
        self.inventory = inventory
        self.ttl = ttl
        self._cli = WarmCli(lab)
        self._has_jobs = False
        self._began = 0

    def play(
        self,
        playbook: str,
        *arguments: str,
        check: bool = True,
        timeout: float = 900,
        plain: bool = False,
    ) -> Play:
        """As the function `play`, on this fleet."""
        how: dict[str, Any] = {"check": check, "timeout": timeout, "plain": plain}
        return play(self.lab, self.inventory, playbook, *arguments, **how)

    def crony(self, *arguments: str, check: bool = True, timeout: float = 60) -> Outcome:
        """The controller's ``crony-ops``, with what the rollout wrote for it."""
        env = {"CRONY_CONFIG": str(self.inventory / "cli.yaml")}
        return self._cli.run(arguments, env, check=check, timeout=timeout)

    def close(self) -> None:
        self._cli.close()

    def asked(self, *arguments: str) -> Any:
        """What ``crony-ops … --output json`` prints, by etcd alone: to hold that against the
        inventory takes a second or two."""
        written = yaml.safe_load((self.inventory / "cli.yaml").read_text())
        quick = self.inventory.parent / f"{self.inventory.name}-etcd.yaml"
        quick.write_text(yaml.safe_dump({"etcd": written["etcd"]}))
        return json.loads(self.crony(*arguments, "--output", "json", "--config", str(quick)).out)

    def sync(self, jobs: Mapping[str, Mapping[str, Any]], presets: Path = PRESETS) -> None:
        """Make these the cluster's jobs. ``presets`` is the folder of those that they may name."""
        # Beside the inventory: what is in it Ansible takes for a part of it.
        folder = self.inventory.with_name(f"{self.inventory.name}-git")
        (folder / "jobs").mkdir(parents=True, exist_ok=True)
        (folder / "presets").unlink(missing_ok=True)
        (folder / "presets").symlink_to(presets)
        (folder / "jobs/all.yaml").write_text(yaml.safe_dump({"jobs": {**jobs}}))
        for host in self.hosts:
            # Jobs run as a user who may write nowhere else.
            ledgers = host.path(LEDGER).parent
            ledgers.mkdir(exist_ok=True)
            ledgers.chmod(0o1777)
        self.crony("sync", "--force", "--jobs", str(folder / "jobs"))
        self._has_jobs = bool(jobs)

    def noted(self, schedule: str, seconds: float = 0, **fields: Any) -> dict[str, Any]:
        """A shell job that writes itself down on its host when it starts and when it ends."""
        return ledger_job(Path(LEDGER), schedule, seconds=seconds, **fields)

    def ledger(self) -> list[LedgerLine]:
        """What jobs wrote on the disks of all hosts, in the order of their clock, which is one."""
        lines = [line for host in self.hosts for line in self.ledger_of(host)]
        return sorted(lines, key=lambda line: line.at)

    def ledger_of(self, host: Host) -> list[LedgerLine]:
        """Without what a job of an earlier test may still have written."""
        lines = read_ledger(self.written(host).splitlines())
        return [line for line in lines if line.tick > self._began]

    def written(self, host: Host) -> str:
        """What is in the ledger on the host's disk."""
        path = host.path(LEDGER)
        return path.read_text() if path.exists() else ""

    def clear_ledgers(self) -> None:
        for host in self.hosts:
            host.path(LEDGER).unlink(missing_ok=True)

    def holder(self, job_id: str) -> Host | None:
        """The one host that has the job."""
        found = {job["job"]: job["nodes"] for job in self.asked("jobs")["jobs"]}[job_id]
        return next((host for host in self.hosts if host.name in found), None)

    def until(self, condition: Callable[[], bool], what: str, timeout: float = 60) -> float:
        """Wait for a condition; the seconds that it took. A command that fails means "not yet"."""
        began = time.monotonic()
        failure = ""
        while time.monotonic() - began < timeout:
            try:
                if condition():
                    return time.monotonic() - began
            except CommandFailed as error:
                failure = f": {error}"
            time.sleep(0.1)
        raise AssertionError(f"not within {timeout:.0f} s: {what}{failure}")

    def restore(self) -> None:
        """Every host with power, cable and breath, no jobs, every node up and its presets ready."""
        for host in self.hosts:
            if host.running:
                host.thaw()
                host.heal()
        self.lab.join()
        self.lab.boot(len(self.hosts))
        self.until(self.well, "every node is up")
        if self._has_jobs:
            self.sync({})
        # A tick is claimed a second ahead at most.
        self._began = int(time.time()) + 1
        self.clear_ledgers()

    def well(self) -> bool:
        """Whether every node is up, with its presets, and no member of etcd complains."""
        status = self.asked("status")
        ready = {
            node["name"] for node in status["nodes"] if node["state"] == "up" and node["presets"]
        }
        healthy = not any(member["error"] for member in status["etcd"])
        return healthy and ready == {host.name for host in self.hosts}
