"""Every example that a verb's help gives is run, in a cluster as `crony-ops up` makes it.

An example may say in a comment what it ends with (`# ends with 3`, or 0: `# ends with 3 if …`), or
that it goes on (`# until Ctrl-C`); all others end with 0. Its files below /etc stand in the folder
that it is run in.
"""

from __future__ import annotations

import contextlib
import io
import os
import pty
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from crony_ops.cli import main

REPOSITORY = Path(__file__).parents[3]
_EXAMPLE = re.compile(r"^ +\$ crony-ops (?P<line>.*?)(?: +# (?P<remark>.*))?$", re.MULTILINE)
_STATUS = re.compile(r"ends with ([0-9]+)( if)?")
GOES_ON = "until Ctrl-C"
# Jobs of the examples that the shipped ones can't stand in for.
MORE_JOBS = """\
jobs:
  nightly-dump:
    schedule: "30 2 * * *"
    shell: echo begun; exec sleep 600
    run_on: {node: node-1}
"""
PLAYBOOK = """- hosts: all
  gather_facts: false
  tasks: [{ansible.builtin.debug: {msg: hello}}]
"""
INVENTORY = "web: {hosts: {web-1: {ansible_connection: local}}}\n"


def verbs() -> list[tuple[str, ...]]:
    """Those with subcommands by each of these."""
    found: list[tuple[str, ...]] = []
    for name, entry in main.COMMANDS.items():
        command: Any = main._Placeholder(name, entry).load()  # noqa: SLF001
        inner = getattr(command, "commands", None)
        found += [(name, each) for each in inner] if inner else [(name,)]
    return found


def examples(verb: tuple[str, ...]) -> list[tuple[str, str]]:
    """The arguments of each example, and its remark."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        assert main.run([*verb, "--help"]) == 0
    return [(m["line"], m["remark"] or "") for m in _EXAMPLE.finditer(said.getvalue())]


class Place:
    """A folder with jobs in git, and a cluster that runs them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._clean = {n: v for n, v in os.environ.items() if not n.startswith("CRONY_")}
        shutil.copytree(REPOSITORY / "jobs", folder / "jobs")
        shutil.copytree(REPOSITORY / "roles", folder / "roles")
        (folder / "jobs" / "more.yaml").write_text(MORE_JOBS)
        (folder / "playbooks").mkdir()
        for name in ("site", "nodes"):
            (folder / "playbooks" / f"{name}.yml").write_text(PLAYBOOK)
        (folder / "hosts.yml").write_text(INVENTORY)
        (folder / "ansible.cfg").write_text("[defaults]\ninventory = hosts.yml\n")
        (folder / "etc" / "cron.d").mkdir(parents=True)
        for name in ("crontab", "cron.d/raid"):
            line = f"25 6 * * * root echo {Path(name).name}\n"
            (folder / "etc" / name).write_text(line)
        identity = ("-c", "user.name=ada", "-c", "user.email=ada@example.com")
        for arguments in (("init", "-q"), ("add", "."), (*identity, "commit", "-qm", "jobs")):
            subprocess.run(["git", *arguments], cwd=folder, check=True)

    def start(
        self, line: str, folder: Path | None = None, **streams: Any
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "crony_ops.cli.main", *self._words(line)],
            cwd=folder or self.folder,
            env={**self._clean, "HOME": str(self.folder), "TERM": "xterm"},
            **streams,
        )

    def _words(self, line: str) -> Iterator[str]:
        """As a shell would give them, but for /etc."""
        for word in shlex.split(line):
            here = word.replace("/etc/", f"{self.folder}/etc/")
            yield from sorted(map(str, self.folder.glob(word[1:]))) if "*" in word else [here]

    def run(self, line: str) -> tuple[int, str]:
        process = self.start(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        output, _ = process.communicate(timeout=90)
        return process.returncode, output.decode()

    def until(self, line: str, words: str) -> None:
        """Until that command's output has the words."""
        deadline = time.monotonic() + 60
        while words not in (said := self.run(line)[1]):
            assert time.monotonic() < deadline, said
            time.sleep(0.2)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    place = Place(tmp_path_factory.mktemp("place"))
    log = place.folder / "up.log"
    with log.open("wb") as output:
        up = place.start("up --nodes 4", stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + 60
        while "up: etcd on" not in log.read_text():
            assert up.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        place.until("jobs", "nightly-dump")
        place.until("history heartbeat", "of the last 2 runs")
        yield place
    finally:
        up.send_signal(signal.SIGINT)
        up.wait(60)


def _a_long_run(place: Place) -> None:
    place.run("run nightly-dump")
    place.until("history nightly-dump", "running")


def _a_lost_node(place: Place) -> None:
    config = str(place.folder / ".crony" / "node-4.yaml")
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if config in process.cmdline():
                process.kill()
    place.until("nodes", "lost")


def _a_log(place: Place) -> None:
    assert place.run("run disk-full --wait")[0] == 0


PREPARED = {"kill": _a_long_run, "forget": _a_lost_node, "logs": _a_log}
UNDONE = {
    "pause": "resume disk-usage heartbeat",
    "cordon": "uncordon node-1",
    "drain": "uncordon node-2",
}
ALL = [
    pytest.param(verb, line, remark, id=line) for verb in verbs() for line, remark in examples(verb)
]


@pytest.mark.parametrize("verb", verbs(), ids=" ".join)
def test_every_verb_gives_an_example_of_itself(verb: tuple[str, ...]) -> None:
    given = examples(verb)
    assert given
    assert all(line.split()[: len(verb)] == list(verb) for line, _ in given)


@pytest.mark.parametrize(("verb", "line", "remark"), ALL)
def test_every_example_does_what_it_says(
    place: Place, verb: tuple[str, ...], line: str, remark: str, tmp_path: Path
) -> None:
    if GOES_ON in remark:
        _runs_until_interrupted(place, line, tmp_path)
        return
    if verb[0] in PREPARED:
        PREPARED[verb[0]](place)
    told = _STATUS.search(remark)
    status, output = place.run(line)
    if verb[0] in UNDONE:
        place.run(UNDONE[verb[0]])
    assert status in (({0, int(told[1])} if told[2] else {int(told[1])}) if told else {0}), output
    assert "Traceback" not in output


def _runs_until_interrupted(place: Place, line: str, folder: Path) -> None:
    """On a terminal of its own. A cluster wants a folder of its own."""
    cluster = line.startswith("up")
    if cluster:
        shutil.copytree(place.folder / "jobs", folder / "jobs")
        shutil.copytree(place.folder / "roles", folder / "roles")
    ours, its = pty.openpty()
    process = place.start(line, folder if cluster else None, stdin=its, stdout=its, stderr=its)
    os.close(its)
    said = b""
    try:
        while b"up: etcd on" not in said and b"watcher" not in said:
            said += os.read(ours, 1 << 16)
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(OSError):  # the other side is closed
            while piece := os.read(ours, 1 << 16):
                said += piece
        assert process.wait(60) == 0, said
    finally:
        os.close(ours)
        if process.poll() is None:
            process.kill()
            process.wait()
    assert b"Traceback" not in said
