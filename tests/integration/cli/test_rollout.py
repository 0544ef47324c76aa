"""`crony-ops rollout` with the real Ansible, on hosts that are all this machine; one is nowhere."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.cli.committed_schemas import faults

if TYPE_CHECKING:
    from tests.sshd import Sshd

SECRET = "hunter2"
PLAYBOOKS = {
    "site": """
- name: Install
  hosts: nodes
  gather_facts: false
  tasks:
    - name: Write the file
      ansible.builtin.copy:
        content: "{{ greeting | default('hello') }}\\n"
        dest: "{{ inventory_dir }}/on-{{ inventory_hostname }}"
        mode: "0600"
    - name: Write the secret
      ansible.builtin.copy:
        content: hunter2
        dest: "{{ inventory_dir }}/secret-{{ inventory_hostname }}"
        mode: "0600"
      no_log: true
    - name: Mend
      when: inventory_hostname == 'fine'
      block:
        - name: Break
          ansible.builtin.command: "false"
      rescue:
        - name: Put right
          ansible.builtin.debug: {msg: well again}
    - name: Log in
      ansible.builtin.shell: echo hunter2 >&2; exit 3
      no_log: true
      when: inventory_hostname == 'hidden'
    - name: Speak
      ansible.builtin.shell: echo the disk is full >&2; exit 3
      when: inventory_hostname == 'broken'
""",
    "slow": """
- name: Wait
  hosts: fine
  gather_facts: false
  tasks:
    - name: Sleep
      ansible.builtin.command: sleep {{ nap }}
""",
    "wrong": "- {hosts: nodes, tasks: [{ansible.builtin.nothing: {}}]}\n",
    "nobody": "- {hosts: nobody, tasks: [{ansible.builtin.ping: {}}]}\n",
}
INVENTORY = f"""
nodes:
  hosts:
    fine: {{}}
    broken: {{}}
    hidden: {{}}
    away: {{ansible_connection: ssh, ansible_host: 127.0.0.1, ansible_port: 1}}
  vars: {{ansible_connection: local, ansible_python_interpreter: {sys.executable}}}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "playbooks").mkdir()
    for name, text in PLAYBOOKS.items():
        (tmp_path / "playbooks" / f"{name}.yml").write_text(text)
    (tmp_path / "hosts.yml").write_text(INVENTORY)
    (tmp_path / "ansible.cfg").write_text("[defaults]\ninventory = hosts.yml\n")
    return tmp_path


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "crony_ops.cli.main", "rollout", *arguments]


def environment(**more: str) -> dict[str, str]:
    clean = {name: v for name, v in os.environ.items() if not name.startswith(("CRONY_", "ANSI"))}
    return {**clean, **more}


def rollout(
    folder: Path, *arguments: str, status: int = 0, **variables: str
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command(*arguments),
        cwd=folder,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == status, done
    assert "Traceback" not in done.stderr
    return done


def read(folder: Path) -> str:
    """Everything in the folder's files."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return "".join(path.read_text(errors="replace") for path in files)


def test_each_host_is_told_of_and_no_secret_is(project: Path) -> None:
    done = rollout(project, "--diff", "-o", "json", status=1, TOKEN=SECRET)
    document: dict[str, Any] = json.loads(done.stdout)
    assert faults("rollout", "RolloutDocument", document) == []
    assert document["outcome"] == "failed"
    hosts = {host["host"]: host for host in document["hosts"]}
    assert {name: host["state"] for name, host in hosts.items()} == {
        "fine": "changed",
        "broken": "failed",
        "hidden": "failed",
        "away": "unreachable",
    }
    assert hosts["fine"]["error"] is None
    assert hosts["broken"]["error"]["output"] == ["the disk is full"]
    assert hosts["broken"]["error"]["reason"] == "non-zero return code (3)"
    assert "no_log" in hosts["hidden"]["error"]["reason"]
    assert "Connection refused" in hosts["away"]["error"]["reason"]
    diffs = {c["diff"] for c in document["changes"] if c["task"] == "Write the file"}
    assert len(diffs) == 3
    assert all(diff.endswith("+hello\n") for diff in diffs)

    assert "play Install" in done.stderr
    assert done.stderr.splitlines()[-1] == (
        "crony-ops: site.yml failed on away, broken, hidden: all that Ansible said is in "
        f"{document['artefacts']}"
    )
    kept = read(Path(document["artefacts"]))
    assert "the disk is full" in kept
    assert SECRET not in done.stdout + done.stderr + kept
    assert Path(document["artefacts"]).parent == project / ".crony" / "rollouts"


def test_a_check_tells_what_a_rollout_then_changes(project: Path) -> None:
    (project / "jobs").mkdir()
    checked = rollout(project / "jobs", "--check", "--limit", "fine")
    assert re.search(r"^WOULD CHANGE .*\nWrite the file +fine$", checked.stdout, re.MULTILINE)
    assert not (project / "on-fine").exists()
    variable = ("-e", "greeting=good morning")
    done = rollout(project, "--limit", "fine", *variable).stdout
    assert re.search(r"^site succeeded in .*: 1 changed$", done, re.MULTILINE), done
    assert "broken" not in done
    assert (project / "on-fine").read_text() == "good morning\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("sites",), "there is no playbook 'sites' in {}/playbooks; did you mean 'site'?"),
        (("-e", "greeting"), "--extra-vars wants NAME=VALUE, @FILE or JSON, not 'greeting'"),
        (("--inventory", "nowhere"), "nowhere: there is no such inventory"),
        (("-e", "@nowhere"), "Could not find or access '{}/nowhere' on the Ansible Controller"),
        (("--limit", "nobody"), "leaves us with no hosts to target"),
        (("nobody",), "nobody.yml: there is no host for it in the inventory"),
        (("wrong",), "wrong.yml: couldn't resolve module/action 'ansible.builtin.nothing'"),
    ],
)
def test_what_makes_no_sense_is_refused_before_any_host_is_asked(
    project: Path, arguments: tuple[str, ...], words: str
) -> None:
    done = rollout(project, *arguments, status=2)
    assert words.format(project) in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (project / ".crony").exists()


def test_the_inventory_may_be_another(project: Path) -> None:
    other = project / "others.yml"
    other.write_text(INVENTORY.replace("fine", "elsewhere").replace("ssh", "local"))
    arguments = ("--limit", "elsewhere", "--check", "-o", "json")
    for named in (("--inventory", "others.yml"), ()):
        done = rollout(project, *named, *arguments, CRONY_INVENTORY="" if named else str(other))
        assert [host["host"] for host in json.loads(done.stdout)["hosts"]] == ["elsewhere"]


def test_a_host_key_that_nobody_knows_is_refused_and_nobody_is_asked(
    project: Path, sshd: Sshd
) -> None:
    variables = sshd.variables("UserKnownHostsFile=/dev/null", "StrictHostKeyChecking=ask")
    (project / "hosts.yml").write_text(json.dumps({"nodes": {"hosts": {"fine": variables}}}))
    done = rollout(project, "-o", "json", status=1)
    [host] = json.loads(done.stdout)["hosts"]
    assert host["state"] == "unreachable"
    assert "Host key verification failed" in str(host["error"])


def test_ctrl_c_on_a_terminal_ends_ansible_and_what_it_started(project: Path) -> None:
    nap = f"{1_000_000 + os.getpid()}"
    ours, its = pty.openpty()
    termios.tcsetwinsize(its, (30, 120))
    process = subprocess.Popen(
        command("slow", "-e", f"nap={nap}"),
        cwd=project,
        env=environment(TERM="xterm"),
        stdin=its,
        stdout=its,
        stderr=its,
    )
    os.close(its)
    shown = b""
    try:
        while not re.search(rb"fine .*running.*Sleep", shown) or not sleeping(nap):
            shown += os.read(ours, 1 << 16)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        while piece := read_on(ours):
            shown += piece
        assert process.wait(60) == 130
        assert time.monotonic() - began < 8
    finally:
        os.close(ours)
        process.kill()
        process.wait()
    assert b"slow interrupted in" in shown
    assert b"Traceback" not in shown
    assert not sleeping(nap)


def read_on(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # the other side is closed
        return b""


def sleeping(nap: str) -> bool:
    lines = Path("/proc").glob("[0-9]*/cmdline")
    return any(commandline(path) == [b"sleep", nap.encode()] for path in lines)


def commandline(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().rstrip(b"\0").split(b"\0")
    except OSError:  # it has ended
        return []


def test_without_ansible_it_says_what_to_install(project: Path) -> None:
    code = (
        "import sys; sys.executable = '/nowhere/python'; from crony_ops.cli.main import run;"
        "status = run(['rollout']); loaded = [m for m in sys.modules if 'ansible_runner' in m];"
        "assert not loaded, loaded; sys.exit(status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=project,
        env=environment(PATH="/nowhere"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == (
        "crony-ops: a rollout needs more than is installed here: pip install 'crony-ops[fleet]'\n"
    )


def test_the_oldest_artefacts_make_room(project: Path) -> None:
    kept = project / ".crony" / "rollouts"
    for number in range(25):
        old = kept / f"20260101T0000{number:02}.000Z"
        old.mkdir(parents=True)
        os.utime(old, (number, number))
    rollout(project, "--limit", "fine", "--check")
    left = sorted(path.name for path in kept.iterdir())
    assert len(left) == 20
    assert left[0] == "20260101T000006.000Z"
