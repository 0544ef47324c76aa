"""What the credentials on a host are good for, tried from there; and where its secrets are not."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from crony_ops.fleet.authority import issued
from crony_ops.fleet.certificate import Wanted
from crony_ops.model.node import node_uuid
from crony_ops.store.keys import Keys

if TYPE_CHECKING:
    from tests.hosts.fleet import Fleet
    from tests.hosts.lab import Host, Outcome

KEYS = Keys()
_UNITS = "crony-node.service crony-watcher.service etcd.service 'crony-etcd-backup.*'"


def pki(fleet: Fleet) -> Path:
    """The authority's folder, on the controller."""
    return fleet.inventory / "pki"


def cluster(fleet: Fleet) -> str:
    variables = yaml.safe_load((fleet.inventory / "group_vars/all/1-example.yml").read_text())
    return str(variables["crony_cluster"])


def etcdctl(host: Host, certificate: str | None, *arguments: str) -> Outcome:
    """As somebody on the host would call it; ``certificate`` is a path without its suffix."""
    command = ["etcdctl", f"--endpoints=https://{host.address}:2379", "--command-timeout=10s"]
    command += ["--cacert=/etc/crony/tls/ca.pem", "--dial-timeout=5s"]
    if certificate:
        command += [f"--cert={certificate}.pem", f"--key={certificate}.key"]
    return host.sh(f"ETCDCTL_API=3 {shlex.join([*command, *arguments])}", check=False)


def refused(said: Outcome) -> bool:
    return said.status != 0 and "permission denied" in said.out + said.err


def private_lines(folder: Path) -> list[str]:
    """What the keys in a folder consist of, but for the lines that frame them, and for the last of
    each: that is of its public key, as its certificate shows it to everybody."""
    keys = [path.read_text().splitlines() for path in folder.glob("*.key")]
    assert keys
    return [line for key in keys for line in key[1:-2]]


def shown(secrets: list[str], text: str) -> list[str]:
    return [secret for secret in secrets if secret in text]


def test_a_nodes_credentials_give_work_to_nobody_and_read_nobodys_jobs(fleet: Fleet) -> None:
    mine, other = fleet.hosts[0], fleet.hosts[1]
    fleet.sync({"theirs": fleet.noted("@every 1s", run_on={"node": other.name})})
    fleet.until(lambda: fleet.ledger_of(other) != [], "the other's job runs")
    me = f"/etc/crony/tls/node-{mine.name}"
    uuid, others = (node_uuid(cluster(fleet), host.name) for host in (mine, other))
    assert etcdctl(mine, me, "get", KEYS.node(uuid)).out, "it is the node's certificate"

    before = fleet.asked("jobs", "theirs")["spec"]
    leader = fleet.asked("status")["watcher"]["leader"]
    for key in (
        *(KEYS.job(others, "theirs"), KEYS.job(others, "evil"), KEYS.job(uuid, "evil")),
        *(KEYS.node(others), KEYS.spec("theirs"), KEYS.spec("evil"), KEYS.leader),
        *(KEYS.proc(others, "theirs", 1), KEYS.kill(others, "theirs", "r"), KEYS.cordon(others)),
    ):
        assert refused(etcdctl(mine, me, "put", key, "{}")), key
        assert refused(etcdctl(mine, me, "del", key)), key
    for key in (KEYS.job(others, "theirs"), KEYS.spec("theirs"), KEYS.leader, KEYS.node(others)):
        assert refused(etcdctl(mine, me, "get", key)), key
    for prefix in (KEYS.everything, KEYS.jobs, KEYS.jobs_of(others), KEYS.specs, KEYS.opens):
        assert refused(etcdctl(mine, me, "get", "--prefix", prefix)), prefix
    for order in (["user", "list"], ["role", "grant-permission", f"node-{mine.name}", "readwrite"]):
        assert refused(etcdctl(mine, me, *order, *(["/", "0"] if len(order) > 2 else [])))

    assert fleet.asked("jobs", "theirs")["spec"] == before
    assert fleet.asked("status")["watcher"]["leader"] == leader


def test_without_a_users_certificate_nobody_gets_in(fleet: Fleet) -> None:
    host = fleet.hosts[0]
    without = etcdctl(host, None, "get", KEYS.meta)
    assert without.status != 0
    assert without.out == ""
    issued(pki(fleet), Wanted.of("stranger"))
    try:
        for suffix in ("pem", "key"):
            text = (pki(fleet) / f"stranger.{suffix}").read_text()
            host.path(f"/root/stranger.{suffix}").write_text(text)
        assert refused(etcdctl(host, "/root/stranger", "get", KEYS.meta))
        assert refused(etcdctl(host, "/root/stranger", "put", KEYS.meta, "{}"))
    finally:
        for suffix in ("pem", "key"):
            (pki(fleet) / f"stranger.{suffix}").unlink()
            host.path(f"/root/stranger.{suffix}").unlink()


def test_no_secret_is_in_a_unit_a_command_line_an_environment_or_the_journal(fleet: Fleet) -> None:
    fleet.sync({"beat": fleet.noted("@every 1s")})
    fleet.until(lambda: fleet.ledger() != [], "it runs")
    secrets = private_lines(pki(fleet))
    for host in fleet.hosts:
        looked_at = {
            "units": f"systemctl cat {_UNITS}; :",
            "settings": "cat /etc/crony/*.yaml /etc/default/etcd /etc/etcd/*.env 2>/dev/null; :",
            "command lines": "cat /proc/[0-9]*/cmdline | tr '\\0' ' '",
            "environments": "cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'",
            "journal": "journalctl --no-pager --output=export --all",
        }
        for what, script in looked_at.items():
            text = host.sh(script).out
            assert text, what
            assert shown(secrets, text) == [], (host.name, what)
            assert "PRIVATE KEY" not in text, (host.name, what)
        # Each key is on its host alone, where its owner alone (and the daemon's group) may read it.
        keys = host.sh(r"find / -xdev -name '*.key' -path '*tls*' -printf '%m %U %p\n'").out
        for line in keys.splitlines():
            mode, _, path = line.split()
            assert mode in {"600", "640"}, line
            name = Path(path).stem
            assert name in {"root", "etcd"} or name.endswith(f"-{host.name}"), line
        # From outside, or the host would have them in its journal now.
        places = [host.path(place) for place in ("/etc", "/home", "/opt", "/root", "/tmp", "/var")]
        found = subprocess.run(
            ["grep", "-rlIsF", "--file=-", *places],
            input="\n".join(secrets),
            capture_output=True,
            text=True,
            check=False,
        ).stdout.split()
        own = {host.path(line.split()[2]) for line in keys.splitlines()}
        assert {Path(path) for path in found} == own, host.name


def test_a_job_can_read_no_secret_of_its_host(fleet: Fleet) -> None:
    keys = "find /etc/crony /etc/etcd -name '*.key'"
    for host in fleet.hosts:
        names = {Path(path).stem for path in host.sh(keys).out.split()}
        assert names == {f"{who}-{host.name}" for who in ("etcd", "node", "watcher")} | {"root"}
        read = host.sh(f"for key in $({keys}); do runuser -u crony -- cat $key; done", check=False)
        assert read.out == ""


def test_a_renewed_certificate_comes_into_force_and_its_key_is_shown_nowhere(fleet: Fleet) -> None:
    host = fleet.hosts[-1]
    name = f"node-{host.name}"
    on_host = host.path(f"/etc/crony/tls/{name}.pem")
    old = on_host.read_text()
    (pki(fleet) / f"{name}.pem").unlink()
    rolled = fleet.play("nodes", "--limit", host.name, "--diff", "-vvv", plain=True)
    assert f"{name}: issued, as there was none" in rolled.outcome.out
    secrets = private_lines(pki(fleet))
    assert shown(secrets, rolled.outcome.out + rolled.outcome.err) == []
    assert "PRIVATE KEY" not in rolled.outcome.out + rolled.outcome.err
    assert on_host.read_text() == (pki(fleet) / f"{name}.pem").read_text() != old
    newer = host.sh(
        "find /etc/crony/tls -newermt"
        ' "$(systemctl show --timestamp=us+utc --property ExecMainStartTimestamp --value'
        ' crony-node.service)"'
    )
    assert newer.out == "", "the agent was started after its certificate was changed"
    fleet.sync({"beat": fleet.noted("@every 1s", run_on={"node": host.name})})
    fleet.until(lambda: fleet.ledger_of(host) != [], "its jobs run")
