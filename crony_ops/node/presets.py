"""Presets: the scripts that make the environments of shell jobs, run once for each checksum."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crony_ops.model.duration import format_duration
from crony_ops.model.node import PresetFailure
from crony_ops.model.record import Record
from crony_ops.node.execution.process import spawn
from crony_ops.node.execution.run_folder import last_line, read_tail
from crony_ops.node.execution.shell import PATH

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

log = logging.getLogger(__name__)

POLL = 10.0
"""Seconds between two looks at the scripts."""

_TERM_GRACE = 3.0
_KEPT_SUMS = 4
_REASON_TAIL = 500


def backoff(failures: int) -> float:
    """Seconds to wait after so many failures in a row: from half a minute up to half an hour."""
    return min(30.0 * 2.0 ** min(failures - 1, 10), 1800.0)


class _Ready(Record):
    """What a marker file says: this very script ran to its end here."""

    name: str
    sha256: str
    at: float


@dataclass(slots=True)
class _Script:
    """A script as last seen. ``not_before`` is on the event loop's clock."""

    seen: tuple[int, int]
    sha256: str
    failures: int = 0
    not_before: float = 0.0
    running: bool = False


class Presets:
    """``ready`` maps a preset to the checksums (sha256, hexadecimal) that this node offers, the
    newest last; ``failures`` names those whose present script did not run to its end.

    A checksum stays ready beside newer ones (the last four) until the script itself is removed.
    ``on_change`` is called after each change of the two.
    """

    def __init__(
        self,
        presets_dir: Path | None,
        state_dir: Path,
        timeout: float,
        on_change: Callable[[], None],
        *,
        poll: float = POLL,
    ) -> None:
        self._scripts_dir = presets_dir
        self._folder = state_dir / "presets"
        self._timeout = timeout
        self._on_change = on_change
        self._poll = poll
        self._scripts: dict[str, _Script] = {}
        self.ready: dict[str, tuple[str, ...]] = {}
        self.failures: dict[str, PresetFailure] = {}

    def env_files(self, preset_sums: dict[str, str]) -> tuple[Path, ...]:
        """The environment files that these presets left, in the order of their names here."""
        paths = (self._path(name, total, "env") for name, total in preset_sums.items())
        return tuple(path for path in paths if path.exists())

    def _path(self, name: str, sha256: str, suffix: str) -> Path:
        return self._folder / f"{name}-{sha256[:12]}.{suffix}"

    async def run(self) -> None:
        """Looks after the presets until cancelled; a script that runs then is killed."""
        if self._scripts_dir is None:
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        async with asyncio.TaskGroup() as group:
            while True:
                self._look(self._scripts_dir)
                now = asyncio.get_running_loop().time()
                for name, script in self._scripts.items():
                    is_ready = script.sha256 in self.ready.get(name, ())
                    if not is_ready and not script.running and now >= script.not_before:
                        script.running = True
                        group.create_task(self._make(name, script), name=f"preset {name}")
                await asyncio.sleep(self._poll)

    def _look(self, scripts_dir: Path) -> None:
        """Takes in what the folders say: scripts that are new, changed or gone, and markers."""
        before = self.ready, self.failures
        found: dict[str, _Script] = {}
        for path in sorted(scripts_dir.glob("*.sh")):
            try:
                stat = path.stat()
                seen = (stat.st_mtime_ns, stat.st_size)
                known = self._scripts.get(path.stem)
                if known is None or (known.seen != seen and not known.running):
                    known = _Script(seen, hashlib.sha256(path.read_bytes()).hexdigest())
                found[path.stem] = known
            except OSError:
                continue
        for name in self._scripts.keys() - found.keys():
            if self._scripts[name].running:
                found[name] = self._scripts[name]
        self._scripts = found
        self.ready = self._read_markers()
        self.failures = {
            name: failure
            for name, failure in self.failures.items()
            if name in found and found[name].failures
        }
        if before != (self.ready, self.failures):
            self._on_change()

    def _read_markers(self) -> dict[str, tuple[str, ...]]:
        """The ready checksums by name. Forgets presets without a script, and very old checksums."""
        markers: dict[str, list[_Ready]] = {}
        for path in self._folder.glob("*.ready"):
            try:
                marker = _Ready.from_json(path.read_bytes())
            except (FileNotFoundError, ValueError):
                continue
            markers.setdefault(marker.name, []).append(marker)
        ready = {}
        for name, made in markers.items():
            made.sort(key=lambda marker: marker.at)
            kept = made[-_KEPT_SUMS:] if name in self._scripts else []
            for marker in made[: len(made) - len(kept)]:
                for suffix in ("ready", "env", "log"):
                    self._path(name, marker.sha256, suffix).unlink(missing_ok=True)
            if kept:
                ready[name] = tuple(marker.sha256 for marker in kept)
        return ready

    async def _make(self, name: str, script: _Script) -> None:
        try:
            reason = await self._run_script(name, script)
            if not reason:
                self._mark_ready(name, script)
        except OSError as error:
            reason = f"can't be run: {error}"
        script.running = False
        if reason:
            log.warning("preset %s is not ready: %s", name, reason)
            script.failures += 1
            script.not_before = asyncio.get_running_loop().time() + backoff(script.failures)
            self.failures = {**self.failures, name: PresetFailure(reason=reason, at=time.time())}
        else:
            log.info("preset %s is ready", name)
            self.ready = self._read_markers()
            self.failures = {n: failure for n, failure in self.failures.items() if n != name}
        self._on_change()

    def _mark_ready(self, name: str, script: _Script) -> None:
        marker = self._path(name, script.sha256, "ready")
        written = marker.with_suffix(".new")
        written.write_bytes(_Ready(name=name, sha256=script.sha256, at=time.time()).to_json())
        written.replace(marker)

    async def _run_script(self, name: str, script: _Script) -> str:
        """Empty, or why the preset is not ready. Raises OSError."""
        assert self._scripts_dir is not None
        path = self._scripts_dir / f"{name}.sh"
        left = self._path(name, script.sha256, "env")
        printed = self._path(name, script.sha256, "log")
        left.unlink(missing_ok=True)
        env = {key: os.environ[key] for key in ("HOME", "LANG") if key in os.environ}
        env |= {
            "PATH": os.environ.get("PATH", PATH),
            "CRONY_PRESET": name,
            "CRONY_PRESET_ENV": str(left),
        }
        output = os.open(printed, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        try:
            process = spawn(
                ["bash", str(path)],
                cwd=str(self._scripts_dir),
                env=env,
                output=output,
                dies_with_agent=True,
            )
        finally:
            os.close(output)
        try:
            async with asyncio.timeout(self._timeout):
                await asyncio.shield(process.ended)
        except TimeoutError:
            await process.end(_TERM_GRACE)
            return f"timed out after {format_duration(self._timeout)}"
        finally:
            process.close()
        if process.exit_status:
            said = last_line(read_tail(printed, 0, _REASON_TAIL))
            return f"exit {process.exit_status}" + (f": {said}" if said else "")
        if hashlib.sha256(path.read_bytes()).hexdigest() != script.sha256:
            return "the script was changed while it ran"
        return ""
