"""`import crontab` and `export`, as processes, against a real etcd."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from crony_ops.cli.import_crontab import machine_zone
from crony_ops.errors import InvalidInput
from crony_ops.model.node import Pause

if TYPE_CHECKING:
    from crony_ops.store import Etcd
    from crony_ops.store.keys import Keys
    from tests.integration.cli.conftest import CommandLine

CRONTABS = Path(__file__).parents[2] / "unit" / "catalog" / "crontabs"
SYSTEM = [str(CRONTABS / "crontab"), *(str(file) for file in (CRONTABS / "cron.d").iterdir())]
IMPORT = ("import", "crontab", "--timezone", "Europe/Berlin")


async def test_what_was_imported_is_valid_and_can_be_looked_at(crony_ops: CommandLine) -> None:
    (crony_ops.folder / "jobs").mkdir()
    ended = await crony_ops(*IMPORT, *SYSTEM, "--system", "--node", "web-1", "-o", "jobs/a.yaml")
    assert ended.out == ""
    assert "12 jobs from " in ended.err
    await crony_ops("validate")
    shown = await crony_ops("next", "--files", "jobs", "--for", "1d", "-o", "json")
    fired = {firing["job"]: firing for firing in json.loads(shown.out)["next"]}
    daily = fired["crontab-cron-daily"]
    assert daily["when"][10:] in ("T06:25:00+01:00", "T06:25:00+02:00")


async def test_a_bad_line_refuses_all_and_every_bad_line_is_told(crony_ops: CommandLine) -> None:
    tab = crony_ops.folder / "tab"
    tab.write_text("0 1 * * * fine\n@reboot x\n0 2 * * * %in\n")
    ended = await crony_ops(*IMPORT, "tab", "-o", "out.yaml", status=2)
    assert not (crony_ops.folder / "out.yaml").exists()
    assert "tab:2:1: @reboot is not supported: a fleet has no one boot" in ended.err
    assert "tab:3:1: there is no command before the first %" in ended.err


async def test_leftovers_of_editors_and_packages_are_passed_over(crony_ops: CommandLine) -> None:
    for name in (".placeholder", "a~", "a.dpkg-old"):
        (crony_ops.folder / name).write_text("nonsense\n")
    ended = await crony_ops(*IMPORT, ".placeholder", "a~", "a.dpkg-old")
    assert ended.err.count("is passed over") == 3
    assert ended.out.endswith("jobs: {}\n")


async def test_jobs_that_are_imported_paused_rest_once_they_are_synced(
    crony_ops: CommandLine, etcd: Etcd, keys: Keys
) -> None:
    (crony_ops.folder / "jobs").mkdir()
    (crony_ops.folder / "tab").write_text("0 1 * * * first\n0 2 * * * second\n")
    # One of them was a job before, and what is left of it goes with the pause of its removal.
    left = Pause(who="me", at=1.0, removal=True)
    await etcd.put(keys.pause("tab-first"), left.to_json())
    await crony_ops(*IMPORT, "tab", "--paused", "-o", "jobs/a.yaml")
    again = await crony_ops(*IMPORT, "tab", "--paused")
    assert "not paused" not in again.err
    await crony_ops("sync")
    document = json.loads((await crony_ops("jobs", "-o", "json")).out)
    assert {row["job"]: row["state"] for row in document["jobs"]} == {
        "tab-first": "paused",
        "tab-second": "paused",
    }
    stored = await etcd.get(keys.pause("tab-first"))
    assert stored is not None
    pause = Pause.from_json(stored.value)
    assert (pause.removal, pause.until) == (False, None)
    assert "take its line out" in pause.why
    assert "runs again" in (await crony_ops("resume", "tab-first")).out


async def test_jobs_that_run_already_are_not_paused_by_an_import(
    crony_ops: CommandLine, etcd: Etcd, keys: Keys
) -> None:
    (crony_ops.folder / "jobs").mkdir()
    (crony_ops.folder / "tab").write_text("0 1 * * * first\n")
    await crony_ops(*IMPORT, "tab", "-o", "jobs/a.yaml")
    await crony_ops("sync")
    ended = await crony_ops(*IMPORT, "tab", "--paused")
    assert "not paused, for they are in etcd already: tab-first" in ended.err
    assert await etcd.get(keys.pause("tab-first")) is None


async def test_an_export_synced_again_changes_nothing(crony_ops: CommandLine) -> None:
    (crony_ops.folder / "jobs").mkdir()
    await crony_ops(*IMPORT, str(CRONTABS / "alice"), "-o", "jobs/a.yaml")
    await crony_ops("sync")
    await crony_ops("export", "-o", "jobs/a.yaml")
    assert (crony_ops.folder / "jobs" / "a.yaml").stat().st_mode & 0o777 == 0o600
    document = json.loads((await crony_ops("plan", "-o", "json")).out)
    assert (document["unchanged"], document["added"], document["changed"]) == (4, [], [])
    assert document["warnings"] == []


async def test_only_what_is_named_is_exported(
    crony_ops: CommandLine, etcd: Etcd, keys: Keys
) -> None:
    (crony_ops.folder / "jobs").mkdir()
    (crony_ops.folder / "tab").write_text("0 1 * * * first\n0 2 * * * second\n")
    await crony_ops(*IMPORT, "tab", "-o", "jobs/a.yaml")
    await crony_ops("sync")
    out = (await crony_ops("export", "tab-second")).out
    assert ("tab-second:" in out, "tab-first:" in out) == (True, False)
    assert "nearest: tab-first" in (await crony_ops("export", "tab-frist", status=2)).err
    await etcd.put(keys.spec("odd"), b"{}")
    assert "odd can't be read by this version" in (await crony_ops("export", status=1)).err


async def test_plan_warns_of_the_jobs_that_it_changes_only(crony_ops: CommandLine) -> None:
    jobs = crony_ops.folder / "jobs"
    jobs.mkdir()
    (jobs / "a.yaml").write_text("jobs: {a: {schedule: '* 2 * * *', shell: x, user: root}}\n")
    planned = await crony_ops("plan")
    assert "jobs/a.yaml:1:22: warning: jobs.a.schedule: it fires in every minute" in planned.err
    assert "warning" not in planned.out
    await crony_ops("sync")
    assert (await crony_ops("plan")).err == ""
    (jobs / "b.yaml").write_text("jobs: {b: {schedule: '@daily', shell: x, user: root}}\n")
    document = json.loads((await crony_ops("plan", "-o", "json")).out)
    assert [warning["field"] for warning in document["warnings"]] == ["jobs.b.user"]


def test_the_machines_zone_is_read_from_its_configuration(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="say --timezone"):
        machine_zone(tmp_path)
    (tmp_path / "timezone").write_text("Asia/Tokyo\n")
    assert machine_zone(tmp_path) == "Asia/Tokyo"
    (tmp_path / "localtime").symlink_to("/usr/share/zoneinfo/America/Argentina/Ushuaia")
    assert machine_zone(tmp_path) == "America/Argentina/Ushuaia"
