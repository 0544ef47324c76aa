"""`crony-ops rollout` over real hosts: where all is well, where something is to be put right, and
where a host can't be reached."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.hosts.fleet import MITOGEN, Fleet
from tests.hosts.lab.inventory import REPOSITORY

if TYPE_CHECKING:
    from tests.hosts.lab import Outcome

SCRIPT = "/etc/crony/presets/work-folder.sh"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What a rollout leaves goes beside the playbooks, and those of this test to nobody's."""
    for name in ("playbooks", "roles", "ansible.cfg"):
        (tmp_path / name).symlink_to(REPOSITORY / name)
    return tmp_path


def rollout(
    fleet: Fleet, folder: Path, *arguments: str, status: int = 0, plain: bool = False
) -> Outcome:
    command = ["crony-ops", "rollout", *arguments, "--inventory", str(fleet.inventory)]
    env = {"ANSIBLE_TIMEOUT": "3"} if plain else MITOGEN
    outcome = fleet.lab.run(command, env=env, cwd=folder, check=False, timeout=300)
    assert outcome.status == status, outcome
    return outcome


def read(outcome: Outcome) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(outcome.out)
    return document


def compared(fleet: Fleet, command: str) -> dict[str, Any]:
    """What it says where the inventory is known, too."""
    return read(fleet.crony(command, "--output", "json"))


def node_states(fleet: Fleet) -> dict[str, str]:
    return {node["name"]: node["state"] for node in compared(fleet, "status")["nodes"]}


def states(outcome: Outcome) -> dict[str, str]:
    return {host["host"]: host["state"] for host in read(outcome)["hosts"]}


def test_where_all_is_as_it_should_be_nothing_is_changed(fleet: Fleet, checkout: Path) -> None:
    done = rollout(fleet, checkout, "presets", "--limit", "web", "-o", "json")
    assert states(done) == dict.fromkeys(("h1", "h2"), "ok")
    assert read(done)["changes"] == []
    assert Path(read(done)["artefacts"]).parent == checkout / ".crony" / "rollouts"


def test_a_check_tells_what_a_rollout_then_puts_right(fleet: Fleet, checkout: Path) -> None:
    script = fleet.hosts[1].path(SCRIPT)
    written = script.read_text()
    script.write_text(f"{written}# by hand\n")
    at_fault = ("presets", "--limit", "h2", "--diff")

    told = rollout(fleet, checkout, *at_fault, "--check", "-o", "json")
    assert states(told) == {"h2": "changed"}
    [change] = [each for each in read(told)["changes"] if "-# by hand" in each["diff"]]
    assert change["host"] == "h2"
    assert "by hand" in script.read_text()

    done = rollout(fleet, checkout, *at_fault)
    assert "1 changed" in done.out.splitlines()[-1]
    assert "-# by hand" in done.err
    assert script.read_text() == written


def test_a_host_that_cant_be_reached_is_told_of_and_fails_the_rollout(
    fleet: Fleet, checkout: Path
) -> None:
    fleet.hosts[2].cut()
    only = ("presets", "--limit", "h3")
    done = rollout(fleet, checkout, *only, "-o", "json", status=1, plain=True)
    assert states(done) == {"h3": "unreachable"}
    [error] = [host["error"] for host in read(done)["hosts"]]
    assert "ssh" in error["reason"]
    assert done.err.splitlines()[-1].startswith("crony-ops: presets.yml failed on h3: ")


def test_a_host_that_should_have_an_agent_and_has_none_is_missing(fleet: Fleet) -> None:
    hosts = fleet.inventory / "hosts.yml"
    written = hosts.read_text()
    inventory = yaml.safe_load(written)
    inventory["nodes"]["hosts"] = {"new": {"ansible_host": "192.0.2.9"}}
    hosts.write_text(yaml.safe_dump(inventory))
    expected = {**dict.fromkeys(("h1", "h2", "h3"), "up"), "new": "missing"}
    try:
        fleet.until(lambda: node_states(fleet) == expected, "the new host is missing, and it alone")
        assert "node new is missing" in compared(fleet, "status")["problems"]
    finally:
        hosts.write_text(written)
    assert {node["in_inventory"] for node in compared(fleet, "nodes")["nodes"]} == {True}
