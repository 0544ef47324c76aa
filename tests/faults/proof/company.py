"""Who takes part in the proof: by name, and what each is good for."""

from __future__ import annotations

from collections.abc import Mapping

TTL = 3
"""Seconds, of agents and watchers."""

ETCDS = ("etcd-1", "etcd-2", "etcd-3")
WATCHERS = ("watcher-1", "watcher-2")
PRESETS: Mapping[str, str] = {"tools": "TOOLS=1", "drivers": "DRIVERS=1"}
"""What each leaves in the environment of runs."""
NODES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "node-1": (("web",), ("tools",)),
    "node-2": (("web",), ("tools",)),
    "node-3": (("web", "db"), ("drivers", "tools")),
    "node-4": (("db",), ("drivers",)),
    "node-5": (("db",), ("drivers",)),
}
"""The groups and the presets of each."""
WITH_A_DISK = "node-5"
"""Whose state is on a disk of its own, where that can be had."""
