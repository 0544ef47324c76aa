"""`status` and `nodes` against an inventory, by the real Ansible's word."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.integration.cli.committed_schemas import faults
from tests.integration.cli.conftest import CommandLine

if TYPE_CHECKING:
    from pathlib import Path

    from crony_ops.store import EtcdSettings

HOSTS = """
etcd: {hosts: {etcd-1: {}}}
nodes:
  children:
    web: {hosts: {'web-[1:1]': {}, web-9: {}}}
    db: {hosts: {db-1: {}}}
"""


@pytest.fixture
def told(store_settings: EtcdSettings, tmp_path: Path) -> CommandLine:
    (tmp_path / "hosts.yml").write_text(HOSTS)
    cache = str(tmp_path / "cache")
    return CommandLine(store_settings, tmp_path, CRONY_INVENTORY="hosts.yml", XDG_CACHE_HOME=cache)


@pytest.mark.usefixtures("fleet")
async def test_a_host_without_an_agent_is_shown_as_missing(told: CommandLine) -> None:
    document = json.loads((await told("status", "--exit-code", "-o", "json", status=3)).out)
    assert faults("status", "StatusDocument", document) == []
    assert {node["name"]: (node["state"], node["in_inventory"]) for node in document["nodes"]} == {
        "web-1": ("up", True),
        "web-2": ("cordoned", False),
        "db-1": ("lost", True),
        "web-9": ("missing", True),
    }
    assert "node web-9 is missing" in document["problems"]

    shown = (await told("status")).out
    assert "the inventory has it, and it has no agent" in shown
    assert "node web-9 is missing" in shown
    assert "[not in the inventory]" in (await told("nodes")).out
    alone = json.loads((await told("nodes", "web-9", "-o", "json")).out)
    assert faults("nodes", "NodeStory", alone) == []
    assert (alone["node"]["state"], alone["node"]["uuid"]) == ("missing", "")
    assert "missing" in (await told("nodes", "web-9")).out
    assert "there is no node 'web-8'" in (await told("nodes", "web-8", status=2)).err


@pytest.mark.usefixtures("fleet")
async def test_ansible_is_asked_again_only_when_the_inventory_was_written_to(
    told: CommandLine,
) -> None:
    await told("nodes")
    [kept] = (told.folder / "cache" / "crony").iterdir()
    first = kept.stat().st_mtime_ns
    await told("status")
    assert kept.stat().st_mtime_ns == first
    (told.folder / "hosts.yml").write_text(HOSTS.replace("web-9", "web-10"))
    assert "web-10" in (await told("nodes")).out
    assert kept.stat().st_mtime_ns > first


@pytest.mark.usefixtures("fleet")
async def test_an_inventory_that_cant_be_read_is_no_reason_to_tell_nothing(
    told: CommandLine,
) -> None:
    (told.folder / "hosts.yml").unlink()
    listed = await told("nodes")
    assert "web-1" in listed.out
    assert "hosts.yml: there is no such inventory" in listed.err
    document = json.loads((await told("status", "-o", "json")).out)
    assert any("there is no such inventory" in problem for problem in document["problems"])
    assert {node["in_inventory"] for node in document["nodes"]} == {None}


@pytest.mark.usefixtures("fleet")
async def test_unless_one_is_configured_nothing_is_missing(crony_ops: CommandLine) -> None:
    (crony_ops.folder / "inventory").mkdir()
    (crony_ops.folder / "inventory" / "hosts.yml").write_text(HOSTS)
    document = json.loads((await crony_ops("status", "-o", "json")).out)
    assert {node["state"] for node in document["nodes"]} == {"up", "cordoned", "lost"}
    assert {node["in_inventory"] for node in document["nodes"]} == {None}
    assert ".cache" not in {path.name for path in crony_ops.folder.iterdir()}
