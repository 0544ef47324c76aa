"""A watcher meets a key space: it makes its own, and keeps its hands off what it doesn't know."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
import yaml

from crony_ops.model.cluster import KEY_SPACE_VERSION, Meta
from crony_ops.store import Etcd, EtcdSettings
from crony_ops.store.keys import Keys


@pytest.mark.parametrize(
    ("meta", "complaint"),
    [
        (
            Meta(version=KEY_SPACE_VERSION + 1, incarnation="x", cluster="c").to_json(),
            "upgrade this program",
        ),
        (b"\xff no JSON", "is no key space of ours"),
    ],
)
async def test_a_key_space_that_it_does_not_know_is_refused(
    store_settings: EtcdSettings, tmp_path: Path, meta: bytes, complaint: str
) -> None:
    keys = Keys(store_settings.prefix)
    config = tmp_path / "watcher.yaml"
    etcd_settings = store_settings.model_dump(mode="json")
    config.write_text(yaml.safe_dump({"etcd": etcd_settings, "listen": ""}))
    async with Etcd(store_settings) as etcd:
        await etcd.put(keys.meta, meta)
        watcher = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "crony_ops.watcher.main", "--config", str(config)),
            stderr=asyncio.subprocess.PIPE,
        )
        _, said = await asyncio.wait_for(watcher.communicate(), timeout=30)
        assert watcher.returncode == 1
        assert complaint in said.decode().splitlines()[-1]
        assert "Traceback" not in said.decode()
        left = (await etcd.range(f"{store_settings.prefix}/")).entries
        assert [(entry.key, entry.value) for entry in left] == [(keys.meta, meta)]
