"""Group `nodes` of an inventory, which Ansible is asked for no more often than need be."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from crony_ops.errors import InvalidInput, MissingExtra
from crony_ops.fleet.expected_nodes import KEPT_FOR, cache_folder, expected_nodes

NOW = 1_795_348_800.0
LISTED = '{"nodes": {"children": ["web"]}, "web": {"hosts": ["b", "a"]}, "etcd": {"hosts": ["c"]}}'


class Ansible:
    """An `ansible-inventory` that counts how often it is asked."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._asked = folder / "asked"
        self.says = folder / "says"
        self.says.write_text(LISTED)
        program = folder / "ansible-inventory"
        program.write_text(f"#!/bin/sh\necho >> {self._asked}\ncat {self.says}\n")
        program.chmod(0o755)

    @property
    def asked(self) -> int:
        return len(self._asked.read_text()) if self._asked.exists() else 0


@pytest.fixture
def ansible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ansible:
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    return Ansible(tmp_path / "bin")


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    (tmp_path / "inventory" / "group_vars").mkdir(parents=True)
    (tmp_path / "inventory" / "hosts.yml").write_text("x")
    return tmp_path / "inventory"


def test_ansible_is_asked_once(ansible: Ansible, inventory: Path, tmp_path: Path) -> None:
    cache = tmp_path / "home" / "cache"
    for age in (0.0, 1.0, KEPT_FOR - 1):
        assert expected_nodes(inventory, cache, NOW + age) == {"a", "b"}
    assert ansible.asked == 1
    ansible.says.write_text('{"etcd": {"hosts": ["c"]}}')
    assert expected_nodes(inventory, cache, NOW + KEPT_FOR) == set()
    assert expected_nodes(inventory, cache, NOW - 5) == set()
    assert ansible.asked == 3


@pytest.mark.parametrize("written", ["hosts.yml", "group_vars/all.yml", "more.yml"])
def test_it_is_asked_again_when_the_inventory_is_written_to(
    ansible: Ansible, inventory: Path, tmp_path: Path, written: str
) -> None:
    expected_nodes(inventory, tmp_path, NOW)
    (inventory / written).write_text("something else")
    expected_nodes(inventory, tmp_path, NOW)
    assert ansible.asked == 2


def test_each_inventory_is_known_by_itself(
    ansible: Ansible, inventory: Path, tmp_path: Path
) -> None:
    expected_nodes(inventory, tmp_path, NOW)
    expected_nodes(inventory / "hosts.yml", tmp_path, NOW)
    assert ansible.asked == 2


@pytest.mark.parametrize("kept", ["", "{", "[]", '{"state": 1}', '"x"', "null"])
def test_what_is_kept_and_cant_be_read_is_asked_for_again(
    ansible: Ansible, inventory: Path, tmp_path: Path, kept: str
) -> None:
    cache = tmp_path / "cache"
    expected_nodes(inventory, cache, NOW)
    [file] = cache.iterdir()
    file.write_text(kept)
    assert expected_nodes(inventory, cache, NOW) == {"a", "b"}
    assert ansible.asked == 2


@pytest.mark.usefixtures("ansible")
def test_a_cache_that_cant_be_written_is_done_without(inventory: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert expected_nodes(inventory, tmp_path / "file" / "cache", NOW) == {"a", "b"}


def test_without_an_inventory_or_ansible_it_says_so(
    inventory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InvalidInput, match="there is no such inventory"):
        expected_nodes(tmp_path / "nowhere", tmp_path, NOW)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(MissingExtra, match=r"pip install 'crony-ops\[fleet\]'"):
        expected_nodes(inventory, tmp_path, NOW)


def test_where_it_is_kept() -> None:
    assert cache_folder({"XDG_CACHE_HOME": "/cache"}) == Path("/cache/crony")
    assert cache_folder({}) == Path.home() / ".cache" / "crony"
