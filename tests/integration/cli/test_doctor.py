"""`doctor` against a real etcd, and a host that is this machine by way of a real sshd."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trustme
import yaml

from tests.integration.cli.committed_schemas import faults
from tests.integration.cli.example_fleet import node

if TYPE_CHECKING:
    from crony_ops.store import Etcd
    from crony_ops.store.keys import Keys
    from tests.integration.cli.conftest import CommandLine
    from tests.sshd import Sshd

pytestmark = pytest.mark.usefixtures("fleet")


async def findings(
    crony_ops: CommandLine, *arguments: str, status: int = 1
) -> list[dict[str, Any]]:
    document = json.loads((await crony_ops("doctor", *arguments, "-o", "json", status=status)).out)
    assert faults("doctor", "DoctorDocument", document) == []
    found: list[dict[str, Any]] = document["findings"]
    return found


def said(found: list[dict[str, Any]], check: str) -> str:
    return "\n".join(
        f"{f['verdict']} {f['where']}: {f['says']} → {f['hint']}"
        for f in found
        if f["check"] == check
    )


def inventory(path: Path, **hosts: dict[str, object]) -> tuple[str, str]:
    path.write_text(yaml.safe_dump({"nodes": {"hosts": hosts}}))
    return ("--inventory", str(path))


async def test_without_an_inventory_etcds_part_is_looked_at(crony_ops: CommandLine) -> None:
    found = await findings(crony_ops)
    assert said(found, "etcd").startswith("pass : 1 member, all answer, etcd-1 leads")
    assert "fail db-1: its agent is lost for 3 m" in said(found, "cluster")
    assert "fail web-1: its key hangs on no lease" in said(found, "cluster")
    assert "warn : no inventory" in said(found, "hosts")
    assert "fail web-2: py-etl is not ready: exit 1" in said(found, "presets")
    assert "most run 0.3.0" not in said(found, "versions")


async def test_for_people_the_failing_comes_first_in_two_lines_each(
    crony_ops: CommandLine,
) -> None:
    lines = (await crony_ops("doctor", status=1)).out.splitlines()
    told = [line.split()[0] for line in lines[:-1] if line]
    kinds = [word for word in told if word != "→"]
    assert kinds == sorted(kinds, key=["fail", "warn", "pass"].index)
    assert "→ →" not in " ".join(told)
    assert lines[-1].startswith(f"{kinds.count('fail')} fail, {kinds.count('warn')} warn, ")


async def test_leases_are_seen_with_what_hangs_on_them(
    crony_ops: CommandLine, etcd: Etcd, keys: Keys
) -> None:
    kept, idle = await etcd.grant(600), await etcd.grant(600)
    alive = node("u-web-1", "web-1", time.time())
    await etcd.put(keys.node("u-web-1"), alive.to_json(), lease=kept)
    told = said(await findings(crony_ops), "cluster")
    assert "fail web-1" not in told
    assert f"{idle:x}" in told
    await etcd.revoke(idle)
    await etcd.revoke(kept)


async def test_a_host_is_looked_at_over_ssh(
    crony_ops: CommandLine, sshd: Sshd, tmp_path: Path
) -> None:
    own = sshd.variables("StrictHostKeyChecking=no")
    own["crony_node_settings"] = {"state_dir": str(tmp_path), "listen": ""}
    elsewhere = {"ansible_host": "127.0.0.1", "ansible_port": 1}
    where = inventory(tmp_path / "hosts.yml", **{"web-1": own, "web-9": elsewhere})
    began = time.monotonic()
    found = await findings(crony_ops, *where)
    assert time.monotonic() - began < 30
    assert "fail web-9: can't be reached by ssh: connection refused" in said(found, "hosts")
    assert "→ ssh -p 1 127.0.0.1" in said(found, "hosts")
    assert "fail web-9: it is in group nodes, and no agent" in said(found, "cluster")
    assert "web-1" not in said(found, "hosts")
    assert "web-1" in said(found, "units")  # this machine runs no agent
    one = await findings(crony_ops, *where, "--host", "web-1")
    assert "web-9" not in said(one, "hosts")
    ended = await crony_ops("doctor", *where, "-l", "web-8", status=2)
    assert "there is no host 'web-8' (nearest: web-" in ended.err


async def test_certificates_of_this_machine_are_read(
    crony_ops: CommandLine, sshd: Sshd, tmp_path: Path
) -> None:
    pki = tmp_path / "pki"
    pki.mkdir()
    soon = datetime.now(UTC) + timedelta(days=3, hours=1)
    issued = trustme.CA().issue_cert("web-1", not_after=soon)
    (pki / "web-1.pem").write_bytes(issued.cert_chain_pems[0].bytes())
    (pki / "web-1.key").write_bytes(issued.private_key_pem.bytes())
    (pki / "broken.pem").write_text("-----BEGIN CERTIFICATE-----\nnone\n")
    where = inventory(tmp_path / "hosts.yml", **{"web-1": sshd.variables()})
    told = said(await findings(crony_ops, *where), "certificates")
    assert f"fail here: {pki}/web-1.pem ends in 3 d" in told
    assert "broken.pem can't be read" in told


async def test_an_inventory_that_is_none_is_a_mistake_in_the_command_line(
    crony_ops: CommandLine,
) -> None:
    assert "no such" in (await crony_ops("doctor", "--inventory", "none", status=2)).err
    assert "--host wants an inventory" in (await crony_ops("doctor", "-l", "x", status=2)).err


async def test_an_etcd_that_is_away_is_a_finding(crony_ops: CommandLine) -> None:
    found = await findings(crony_ops, "--endpoints", "127.0.0.1:1")
    assert "fail : there is no quorum: 0 of 1 members answer" in said(found, "etcd")
    assert {f["check"] for f in found} == {"etcd", "hosts"}
