"""Presets on real hosts: a job goes where its preset is ready, and nowhere else."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.faults.proof.history import Kind
from tests.hosts.fleet import PRESETS

if TYPE_CHECKING:
    from tests.hosts.fleet import Fleet, Play
    from tests.hosts.proof import Proof

BROKEN = "#!/bin/sh\necho 'the mirror is gone' >&2\nexit 3\n"


class Presets:
    """The fleet's presets, as an operator has them: a folder of scripts, and who offers which."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self.folder = fleet.inventory.with_name(f"{fleet.inventory.name}-presets")
        shutil.copytree(PRESETS, self.folder)
        self._variables.mkdir()

    def roll_out(self, offered: Mapping[str, Sequence[str]], *, check: bool = True) -> Play:
        """``offered``: names of presets by the name of a host."""
        for host, names in offered.items():
            said = {"crony_presets": [*names], "crony_node_presets_folder": str(self.folder)}
            (self._variables / f"{host}.yml").write_text(yaml.safe_dump(said))
        return self._fleet.play("presets", "--limit", ",".join(offered), check=check)

    def ready(self) -> dict[str, list[str]]:
        return {node["name"]: node["presets"] for node in self._fleet.asked("nodes")["nodes"]}

    def put_back(self) -> None:
        shutil.rmtree(self.folder)
        changed = [variables.stem for variables in self._variables.iterdir()]
        shutil.rmtree(self._variables)
        self._fleet.play("presets", "--limit", ",".join(changed))

    @property
    def _variables(self) -> Path:
        return self._fleet.inventory / "host_vars"


@pytest.fixture(scope="module")
def presets(rolled_out: Fleet) -> Iterator[Presets]:
    """What a test has rolled out stays until the last has ended."""
    presets = Presets(rolled_out)
    yield presets
    presets.put_back()


def test_a_job_goes_on_where_its_preset_is_and_never_where_it_is_not(
    fleet: Fleet, presets: Presets, proof: Proof
) -> None:
    with_venv = ["work-folder", "python-venv"]
    presets.roll_out({"h1": with_venv, "h2": with_venv})
    assert presets.ready() == {
        "h1": ["python-venv", "work-folder"],
        "h2": ["python-venv", "work-folder"],
        "h3": ["work-folder"],
    }
    fleet.sync(
        {
            "report": fleet.noted("@every 1s", presets=["python-venv"]),
            "tell": {
                "schedule": "@every 1s",
                "presets": ["python-venv"],
                "shell": 'python -c "import sys, yaml; print(sys.prefix, yaml.__version__)"',
            },
        }
    )
    fleet.until(lambda: fleet.ledger() != [], "it runs")
    fleet.until(lambda: fleet.asked("jobs", "tell")["runs"] != [], "its environment is told")
    told = fleet.asked("jobs", "tell")["runs"][-1]
    assert told["state"] == "succeeded", told
    assert "/var/lib/crony-venvs/python-venv/" in told["attempts"][0]["output"]

    holder = fleet.holder("report")
    assert holder is not None
    other = next(host for host in fleet.hosts[:2] if host is not holder)
    before = len(fleet.ledger_of(other))
    with proof.fault(Kind.kill, holder):
        holder.kill()
        fleet.until(lambda: fleet.holder("report") is other, "the other one with the preset has it")
        fleet.until(lambda: len(fleet.ledger_of(other)) > before, "it runs there")
        assert fleet.ledger_of(fleet.hosts[2]) == []
        holder.start()
    fleet.until(fleet.well, "it is back")
    proof.judge()


def test_a_preset_that_fails_is_not_offered_and_harms_nothing_else(
    fleet: Fleet, presets: Presets
) -> None:
    (presets.folder / "broken.sh").write_text(BROKEN)
    play = presets.roll_out({"h1": ["work-folder", "broken"]}, check=False)
    assert play.failed == ("h1",)
    assert "preset broken: exit 3: the mirror is gone" in play.outcome.out
    fleet.until(lambda: presets.ready()["h1"] == ["work-folder"], "it offers that alone")
    assert "broken: exit 3: the mirror is gone" in fleet.crony("status").out

    fleet.sync(
        {
            "here": fleet.noted("@every 1s", presets=["work-folder"], run_on={"node": "h1"}),
            "nowhere": fleet.noted("@every 1s", presets=["broken"]),
        },
        presets.folder,
    )
    fleet.until(lambda: {line.job for line in fleet.ledger()} == {"here"}, "other jobs go on")
    assert fleet.holder("nowhere") is None
    said = fleet.crony("explain", "nowhere").out
    assert "(exit 3: the mirror is gone) is not ready there" in said

    presets.roll_out({"h1": ["work-folder"]})
    assert not fleet.hosts[0].path("/etc/crony/presets/broken.sh").exists()
    fleet.until(lambda: "broken" not in str(fleet.asked("nodes")), "it is forgotten")
