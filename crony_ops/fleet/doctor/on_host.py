"""What a host says of itself. Sent to it and run there by its own Python, so of nothing but that.

The one argument is JSON: the `units` to look at, the folders `state_dir`, `presets_dir`, `disks`
and `certificates`, and the addresses of `pages`. It prints one JSON document, and changes nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PATIENCE = 5
MOST_LOGS = 200_000
LARGEST_FILE = 1 << 20
CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?")
PROPERTIES = (
    "Id,LoadState,ActiveState,SubState,Result,NRestarts,UnitFileState,ActiveEnterTimestampMonotonic"
)


def units(names: Sequence[str]) -> dict[str, Any]:
    """By name, as systemd has them; `since` is in unix seconds, 0 if it was never active."""
    if not names:
        return {}
    command = ["systemctl", "show", "--property", PROPERTIES, "--", *names]
    told = said_by(command)
    found: dict[str, Any] = {}
    for block in told.split("\n\n"):
        unit = dict(line.partition("=")[::2] for line in block.splitlines())
        if "Id" not in unit:
            continue
        entered = int(unit.get("ActiveEnterTimestampMonotonic") or 0) / 1e6
        found[unit["Id"]] = {
            "load": unit.get("LoadState", ""),
            "active": unit.get("ActiveState", ""),
            "sub": unit.get("SubState", ""),
            "result": unit.get("Result", ""),
            "restarts": int(unit.get("NRestarts") or 0),
            "enabled": unit.get("UnitFileState", ""),
            "since": time.time() - (time.monotonic() - entered) if entered else 0,
        }
    return found


def said_by(command: Sequence[str]) -> str:
    """Empty where it can't be run, or takes too long."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode(errors="replace")


def presets(folder: str) -> dict[str, str] | None:
    """The sha256 of each script, by name; None where there is no such folder to be read."""
    if not folder or not Path(folder).is_dir():
        return None
    try:
        return {
            path.stem: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(Path(folder).glob("*.sh"))
        }
    except OSError:
        return None


def disk(folder: str) -> dict[str, Any] | None:
    """The file system that the folder is on, or its nearest parent that is there. In bytes."""
    path = Path(folder)
    while not path.is_dir() and path != path.parent:
        path = path.parent
    try:
        stat = os.statvfs(path)
    except OSError:
        return None
    return {
        "path": str(folder),
        "total": stat.f_blocks * stat.f_frsize,
        "free": stat.f_bavail * stat.f_frsize,
        "files": stat.f_files,
        "files_free": stat.f_favail,
    }


def logs(state_dir: str) -> int | None:
    """Bytes of all runs' logs; None if they can't be read."""
    total = 0
    try:
        for count, path in enumerate(Path(state_dir, "runs").glob("*/*.log")):
            if count >= MOST_LOGS:
                break
            total += path.stat().st_size
    except OSError:
        return None
    return total


def certificates(folders: Sequence[str]) -> list[dict[str, str]]:
    """The certificates in these folders, without any key that may stand beside them."""
    found: list[dict[str, str]] = []
    for folder in folders:
        for path in sorted([*Path(folder).glob("*.pem"), *Path(folder).glob("*.crt")]):
            try:
                with path.open("rb") as file:
                    text = file.read(LARGEST_FILE).decode("ascii", "replace")
            except OSError as error:
                found.append({"path": str(path), "pem": "", "error": error.strerror or str(error)})
                continue
            found += [
                {"path": str(path), "pem": pem, "error": ""} for pem in CERTIFICATE.findall(text)
            ]
    return found


def page(address: str) -> dict[str, Any]:
    """What a daemon says of its health: the status of the answer, 0 for none, and its reasons."""
    try:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://{address}/healthz", timeout=PATIENCE) as answer:
            return {"status": answer.status, "reasons": []}
    except urllib.error.HTTPError as error:
        try:
            reasons = json.loads(error.read(LARGEST_FILE)).get("reasons", [])
        except (ValueError, AttributeError, OSError):
            reasons = []
        return {"status": error.code, "reasons": [str(reason) for reason in reasons]}
    except (OSError, ValueError) as error:
        return {"status": 0, "reasons": [str(getattr(error, "reason", error))]}


def look(wanted: dict[str, Any]) -> dict[str, Any]:
    current = Path("/opt/crony/current").resolve()
    synchronized = said_by(["timedatectl", "show", "--property", "NTPSynchronized", "--value"])
    return {
        "root": os.geteuid() == 0,
        "installed": current.name if current.is_dir() else "",
        "units": units(wanted["units"]),
        "presets": presets(wanted["presets_dir"]),
        "disks": [found for found in map(disk, wanted["disks"]) if found],
        "logs": logs(wanted["state_dir"]) if wanted["state_dir"] else None,
        "certificates": certificates(wanted["certificates"]),
        "pages": {unit: page(address) for unit, address in wanted["pages"].items()},
        "synchronized": {"yes": True, "no": False}.get(synchronized.strip()),
        "at": time.time(),
    }


if __name__ == "__main__":
    json.dump(look(json.loads(sys.argv[1])), sys.stdout)
