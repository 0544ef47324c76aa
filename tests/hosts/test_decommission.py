"""A machine that leaves the fleet is as it was before it came, and the fleet without it as well."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.hosts.fleet import LEDGER, Fleet

if TYPE_CHECKING:
    from tests.hosts.lab import Host, Lab

# What a host has because it runs, and because Ansible was there.
_OF_THE_DAY = "/dev /proc /run /sys /tmp /var/tmp /var/log /var/lib/systemd /root/.ansible"
_FINGERPRINT = f"""
find / -xdev {" ".join(f"-path {place} -prune -o" for place in _OF_THE_DAY.split())} \
    -not -name __pycache__ -not -path '*/__pycache__/*' -printf '%p %M %u %g %l\\n' | sort
getent passwd | sort; getent group | sort
systemctl list-unit-files --no-legend --no-pager | grep -v transient | sort
systemctl list-units --all --no-legend --no-pager 'crony*'
dpkg-query -W
"""


@pytest.fixture
def newcomer(lab: Lab) -> Iterator[Host]:
    host = lab.host(4).start()
    host.sh(f"install --directory --mode=1777 $(dirname {LEDGER})")
    yield host
    host.wipe()


@pytest.fixture
def joined(fleet: Fleet, newcomer: Host) -> Iterator[Fleet]:
    """The fleet, by an inventory in which the newcomer is a node and a watcher."""
    inventory = fleet.inventory.with_name("with-newcomer")
    shutil.copytree(fleet.inventory, inventory)
    written = yaml.safe_load((inventory / "hosts.yml").read_text())
    place = {newcomer.name: {"ansible_host": newcomer.address}}
    written["watchers"]["hosts"] |= place
    written["nodes"].setdefault("children", {})["late"] = {"hosts": place}
    (inventory / "hosts.yml").write_text(yaml.safe_dump(written))
    joined = Fleet(fleet.lab, (*fleet.hosts, newcomer), inventory, fleet.ttl)
    yield joined
    joined.close()
    fleet.sync({})


def _left_of(fleet: Fleet, host: Host) -> set[str]:
    """What the fleet still knows of a host that has left: its node, its users, its certificates."""
    ask = "set -a; . /etc/etcd/etcdctl.env; etcdctl user list"
    nodes = {node["name"] for node in fleet.asked("nodes")["nodes"]}
    users = set(fleet.hosts[0].sh(ask).out.split())
    certificates = {path.stem for path in (fleet.inventory / "pki").iterdir()}
    whose = {host.name, f"node-{host.name}", f"watcher-{host.name}"}
    return (nodes | users | certificates) & whose


def test_a_machine_leaves_as_it_came_but_for_its_logs_if_wanted(
    joined: Fleet, newcomer: Host
) -> None:
    def fingerprint() -> set[str]:
        lines = newcomer.sh(_FINGERPRINT).out.splitlines()
        return {line for line in lines if not line.startswith(LEDGER)}

    before = fingerprint()
    joined.play("site", "--limit", newcomer.name)

    newcomer.kill()
    unasked = joined.play("decommission", "--limit", newcomer.name, check=False, plain=True)
    assert unasked.failed == (newcomer.name,)
    assert "-e crony_machine_gone=true" in unasked.outcome.out
    joined.play("decommission", "--limit", newcomer.name, "-e", "crony_machine_gone=true")
    assert _left_of(joined, newcomer) == set()
    newcomer.start()
    joined.play("site", "--limit", newcomer.name)

    everywhere = {"group": "late", "every": True}
    joined.sync(
        {
            "short": joined.noted("* * * * * *", run_on=everywhere),
            "endless": joined.noted("* * * * * *", 3600, run_on=everywhere),
        }
    )
    jobs = {"short", "endless"}
    joined.until(lambda: {r.job for r in joined.ledger_of(newcomer)} == jobs, "its jobs run")

    # As the preset mounts a share that other nodes work on as well.
    share, folder = "/srv/share", "/var/lib/crony-work"
    newcomer.sh(f"mkdir {share}; echo all >{share}/theirs; mount --bind {share} {folder}")
    refused = joined.play("decommission", "--limit", newcomer.name, check=False)
    assert refused.failed == (newcomer.name,)
    assert f"umount '{folder}'" in refused.outcome.out
    assert sum(refused.changed.values()) == 0
    assert newcomer.path(f"{share}/theirs").read_text() == "all\n"
    assert joined.asked("nodes", newcomer.name)["node"]["state"] == "up"
    newcomer.sh(f"umount {folder}; rm -r {share}")

    joined.play("decommission", "--limit", newcomer.name, "-e", "crony_keep_logs=true")
    left = fingerprint() ^ before
    logs = {line for line in left if line.startswith("/var/lib/crony")}
    assert left == logs
    assert {line.split("/")[4].split()[0] for line in logs if line.count("/") > 3} == {"runs"}
    assert any(line.startswith("/var/lib/crony/runs/short/") for line in logs)
    assert "sleep" not in newcomer.sh("ps -eo comm").out
    assert _left_of(joined, newcomer) == set()

    joined.play("decommission", "--limit", newcomer.name)
    assert fingerprint() == before


def test_a_member_of_etcd_is_not_let_go(fleet: Fleet) -> None:
    play = fleet.play("decommission", "--limit", fleet.hosts[0].name, check=False)
    assert play.outcome.status
    assert "is a member of etcd" in play.outcome.out
    assert sum(play.changed.values()) == 0
