"""A local cluster in the hands of a test."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import psutil
import pytest

from crony_ops.errors import ClusterInUse, LocalClusterFailed
from crony_ops.local.cluster import LocalCluster
from crony_ops.local.etcd import choose_ports
from crony_ops.local.folder import ClusterFolder


async def test_a_frozen_process_is_alive_and_ends_in_order(tmp_path: Path) -> None:
    async with LocalCluster(tmp_path, nodes=1, overrides={"node-1": {"groups": ["odd"]}}) as one:
        assert (await one.living_nodes())["node-1"].groups == ("odd",)
        node = one.node("node-1")
        node.freeze()
        status = psutil.Process(node.pid).status()
        assert node.alive
        assert status == psutil.STATUS_STOPPED
        await node.terminate()
        assert node.exit_status == 0
    assert not one.etcd.alive


async def test_a_daemon_that_does_not_come_up_says_why_and_nothing_is_left(tmp_path: Path) -> None:
    ClusterFolder(tmp_path).state("node-1").write_text("no folder")
    cluster = LocalCluster(tmp_path, nodes=1)
    with pytest.raises(LocalClusterFailed, match="node-1 ended with 2"):
        await cluster.start()
    assert not cluster.etcd.alive
    assert not cluster.watcher(1).alive
    free = ClusterFolder(tmp_path)
    free.occupy()
    free.vacate()


def test_a_folder_is_occupied_once(tmp_path: Path) -> None:
    folder = ClusterFolder(tmp_path)
    folder.occupy()
    with pytest.raises(ClusterInUse):
        ClusterFolder(tmp_path).occupy()
    folder.vacate()
    again = ClusterFolder(tmp_path)
    again.occupy()
    again.vacate()


def test_a_cleared_folder_keeps_nothing_but_its_lock(tmp_path: Path) -> None:
    folder = ClusterFolder(tmp_path)
    folder.occupy()
    folder.note_ports((20_001, 20_002))
    assert folder.last_ports() == (20_001, 20_002)
    (tmp_path / "node-1").mkdir()
    (tmp_path / "node-1" / "journal").write_text(json.dumps({}))
    folder.clear()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["lock", "log"]
    assert folder.last_ports() is None
    folder.vacate()


def test_wanted_ports_are_taken_if_they_are_free() -> None:
    wanted = choose_ports(None)
    assert choose_ports(wanted) == wanted
    with socket.socket() as other:
        other.bind(("127.0.0.1", wanted[0]))
        other.listen()
        assert not set(choose_ports(wanted)) & {wanted[0]}
