"""Jobs with secrets on a whole cluster: afterwards no secret stands anywhere that anybody looks."""

from __future__ import annotations

import asyncio
import base64
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import psutil
import yaml

from crony_ops.catalog import load_catalog
from crony_ops.local.cluster import LocalCluster
from crony_ops.model.run import Proc, RunRecord, RunState
from tests.integration.node.servers import answers, hangs, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

VARIABLE = "TEST_OF_SECRETS"


def http_job(url: str, **fields: Any) -> dict[str, Any]:
    return {
        "schedule": "* * * * * *",
        "http": {"url": url, **fields},
        "timeout": 4,
        "run_on": {"node": "node-1"},
    }


def written(secret: str) -> Iterator[bytes]:
    """As it would be found in files and command lines."""
    yield secret.encode()
    yield quote(secret, safe="").encode()
    for before in range(3):
        encoded = base64.b64encode(b"x" * before + secret.encode())
        yield encoded[4:-4]


def files_with(folder: Path, needles: list[bytes]) -> list[str]:
    """Every file below the folder: etcd's too, with its log and all revisions."""
    found = []
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            found += [f"{path}: {needle!r}" for needle in needles if needle in content]
    return found


def told_by_processes(needles: list[bytes]) -> tuple[list[str], list[str]]:
    """The command lines that hold one of them, and the jobs in whose environment one is."""
    lines, jobs = [], []
    for process in psutil.process_iter():
        folder = Path("/proc") / str(process.pid)
        try:
            line, environ = (folder / "cmdline").read_bytes(), (folder / "environ").read_bytes()
        except OSError:
            continue  # it has ended, or it is nothing of ours
        if any(needle in line for needle in needles):
            lines.append(line.decode(errors="replace"))
        if any(needle in environ for needle in needles):
            marks = [v[10:] for v in environ.split(b"\0") if v.startswith(b"CRONY_JOB=")]
            jobs.append(marks[0].decode() if marks else line.decode(errors="replace"))
    return lines, jobs


async def test_no_secret_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_file = f"file/{secrets.token_urlsafe(12)}&ü"
    in_variable = f"variable-{secrets.token_urlsafe(12)}"
    (tmp_path / "token").write_text(f"{in_file}\n")
    monkeypatch.setenv(VARIABLE, in_variable)
    file, variable = f"${{file:{tmp_path}/token}}", f"${{env:{VARIABLE}}}"
    received: list[str] = []

    async def echo(head: str, writer: asyncio.StreamWriter) -> None:
        received.append(head)
        status = 500 if "/fails" in head else 200
        more = "" if "Authorization" in head else f"{in_file} {in_variable}"
        await answers(status, body=f"{head}\n{more}".encode())(head, writer)

    async def redirect(head: str, writer: asyncio.StreamWriter) -> None:
        target = f"Location: http://127.0.0.1:1/{in_variable}?t={quote(in_file)}"
        await answers(302, target)(head, writer)

    async with serving(echo) as echoing, serving(hangs) as hanging, serving(redirect) as far:
        here = f"http://127.0.0.1:{echoing}"
        jobs = {
            "well": http_job(f"{here}/?v={variable}", headers={"X-Token": file}, query={"t": file}),
            "fails": http_job(f"{here}/fails", method="POST", body=f"{file} {variable}"),
            "basic": http_job(f"http://anna:{variable}@127.0.0.1:{echoing}/fails"),
            "hangs": http_job(f"http://127.0.0.1:{hanging}/{variable}", headers={"X": file}),
            "refused": http_job(f"http://127.0.0.1:1/{variable}", query={"t": file}),
            "sent-on": http_job(f"http://127.0.0.1:{far}/", headers={"X": file}),
            "no-url": http_job(f"http://{variable}:x/"),
            "missing": http_job(here, headers={"X": f"{variable}${{file:/no/such/file}}"}),
            "shell": {
                "schedule": "* * * * * *",
                "shell": f'[ "$TOKEN" = "$(cat {tmp_path}/token)" ]; sleep 3',
                "env": {"TOKEN": file},
                "run_on": {"node": "node-1"},
            },
        }
        folder = tmp_path / "cluster"
        needles = [*written(in_file), *written(in_variable)]
        async with LocalCluster(folder, nodes=1) as cluster:
            keys, store = cluster.keys, cluster.store
            running = keys.procs_of(cluster.uuid("node-1"))
            (tmp_path / "jobs").mkdir()
            (tmp_path / "jobs" / "all.yaml").write_text(yaml.safe_dump({"jobs": jobs}))
            catalog = load_catalog(tmp_path / "jobs")
            assert not catalog.problems
            await cluster.sync(catalog)

            async def under_way() -> bool:
                procs = (await store.range(running)).entries
                return {"hangs", "shell"} <= {e.key.split("/")[-2] for e in procs}

            await cluster.wait_until(under_way, "two jobs run")
            lines, in_environments = told_by_processes(list(written(in_file)))
            assert lines == []
            assert set(in_environments) == {"shell"}
            assert told_by_processes(list(written(in_variable)))[0] == []
            procs = [Proc.from_json(e.value).command for e in (await store.range(running)).entries]
            assert f"GET http://127.0.0.1:{hanging}/{variable}" in procs

            ends: dict[str, RunRecord] = {}

            async def ended() -> bool:
                for entry in (await store.range(keys.runs)).entries:
                    record = RunRecord.from_json(entry.value)
                    if record.attempts:
                        ends[record.job_id] = record
                return ends.keys() == jobs.keys()

            await cluster.wait_until(ended, "every job ran", timeout=30)
        states = {job_id: record.state for job_id, record in ends.items()}
        assert states.pop("well") is RunState.succeeded
        assert states.pop("shell") is RunState.succeeded
        assert states.pop("hangs") is RunState.timed_out
        assert set(states.values()) == {RunState.failed}
        assert any(in_variable in head and quote(in_file, safe="/") in head for head in received)
        assert "***" in ends["well"].attempts[0].output
        for job_id in ("shell", "hangs"):
            assert "still under way when the next run was due" in ends[job_id].reason
        assert files_with(folder, needles) == []
