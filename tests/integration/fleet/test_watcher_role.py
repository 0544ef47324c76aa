"""What the watcher's role writes of alerts is what a watcher takes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).parents[3]
ROLE = PROJECT / "roles" / "crony_watcher"


def written(folder: Path, variables: dict[str, Any]) -> Path:
    """`watcher.yaml`, as Ansible makes it on a host with these variables."""
    config = folder / "watcher.yaml"
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars_files": [str(ROLE / "defaults" / "main.yml")],
        "vars": {"ansible_python_interpreter": sys.executable},
        "tasks": [
            {
                "name": "Write its settings",
                "ansible.builtin.template": {
                    "src": str(ROLE / "templates" / "watcher.yaml.j2"),
                    "dest": str(config),
                },
            }
        ],
    }
    (folder / "play.yml").write_text(yaml.safe_dump([play]))
    fleet = {
        "crony_cluster": "shop",
        "crony_version": "0.1.0",
        "crony_prefix": "/crony",
        "crony_etcd_endpoints": ["https://etcd-1:2379"],
    }
    (folder / "variables.json").write_text(json.dumps({**fleet, **variables}))
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("ANSIBLE", "CRONY"))}
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "ansible", "playbook", "-i", "localhost,"),
            *("-e", f"@{folder / 'variables.json'}", str(folder / "play.yml")),
        ],
        cwd=PROJECT,
        env={**environment, "ANSIBLE_HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return config


def checked(config: Path) -> subprocess.CompletedProcess[str]:
    """By the daemon itself, as the role has it checked before it is put in place."""
    return subprocess.run(
        [sys.executable, "-m", "crony_ops.watcher.main", "--check", "--config", str(config)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def of_the_readme() -> dict[str, Any]:
    """The alerts that the role's own documentation shows."""
    text = (ROLE / "README.md").read_text()
    block = [line for line in text.splitlines() if line.startswith("    ")]
    start = block.index("    crony_watcher_alerts:")
    shown = yaml.safe_load("\n".join(block[start:]))
    assert isinstance(shown, dict)
    return shown


def test_the_alerts_of_a_host_become_its_settings_and_no_secret_of_them_does(
    tmp_path: Path,
) -> None:
    shown = of_the_readme()
    alerts, secrets = shown["crony_watcher_alerts"], shown["crony_watcher_secrets"]
    assert set(re.findall(r"/etc/crony/alerts/([\w-]+)", str(alerts))) == set(secrets)
    alerts["link"] = "https://grafana/d?var-job={job}&var-node={node}"
    alerts["channels"]["hook"] = {
        "type": "webhook",
        "url": "https://events/${file:/etc/crony/alerts/hook}",
        "headers": {"Authorization": "Bearer ${EVENTS_TOKEN}"},
    }
    of_a_vault = {name: f"s3cret-{name}" for name in secrets}
    variables = {"crony_watcher_alerts": alerts, "crony_watcher_secrets": of_a_vault}
    config = written(tmp_path, variables)
    assert yaml.safe_load(config.read_text())["alerts"] == alerts
    assert "s3cret" not in config.read_text()
    ended = checked(config)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize(
    ("alerts", "complaint"),
    [
        ({"channels": {"mail": {"type": "mail", "host": "smtp"}}}, "sender"),
        ({"routes": [{"channels": ["nobody"]}]}, "nobody"),
    ],
)
def test_alerts_that_make_no_sense_are_refused_before_they_are_put_in_place(
    tmp_path: Path, alerts: dict[str, Any], complaint: str
) -> None:
    ended = checked(written(tmp_path, {"crony_watcher_alerts": alerts}))
    assert ended.returncode == 2
    assert complaint in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_host_without_alerts_has_none_in_its_settings(tmp_path: Path) -> None:
    config = written(tmp_path, {})
    assert "alerts" not in yaml.safe_load(config.read_text())
    assert checked(config).returncode == 0
