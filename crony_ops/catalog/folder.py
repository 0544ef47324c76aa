"""The jobs folder as a whole: which files there are, and one catalog of all their jobs."""

from __future__ import annotations

import gc
import os
import stat
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from crony_ops.catalog.job_file import read_job_file
from crony_ops.catalog.presets import find_presets, read_preset_sums
from crony_ops.catalog.problem import Level, Problem
from crony_ops.catalog.provenance import Provenance, read_provenance
from crony_ops.catalog.timing import Intervals
from crony_ops.catalog.unspread import herd_words, unspread_herds
from crony_ops.errors import InvalidInput
from crony_ops.model.spec import Source, Spec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from crony_ops.catalog.inventory import Inventory
    from crony_ops.catalog.job_file import JobFile

_SUFFIXES = (".yaml", ".yml")
_MAX_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Catalog:
    """All jobs of the files, by id and sorted by it.

    ``specs`` is complete only if there are no ``problems``: whoever writes specs anywhere must
    look there first. ``warnings`` stop nothing. Both are sorted by file and position. ``files``
    are named as seen from the repository's root, or from the working directory if there is none.
    """

    specs: dict[str, Spec]
    problems: list[Problem]
    warnings: list[Problem]
    files: tuple[str, ...]
    provenance: Provenance


def load_catalog(
    path: Path | Sequence[Path],
    *,
    presets: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    now: float | None = None,
    inventory: Inventory | None = None,
    herd: int | None = None,
) -> Catalog:
    """Read all job files of a folder, or of several folders and files.

    ``presets`` is the folder of preset scripts; unless given it is looked for in and beside the
    jobs folder. ``progress`` is told the files read so far and their number. Nobody is warned of
    changes of the clocks without ``now`` (unix seconds), nor of unknown nodes without an
    ``inventory``, nor of more than ``herd`` jobs in one second without that. Raises InvalidInput
    for a path that is not there, or where no job file is: an empty folder is a mistake sooner
    than a wish to remove every job. What is wrong within files is among the problems.
    """
    paths = [path] if isinstance(path, Path) else list(path)
    found = _job_files(paths)
    first = paths[0] if paths[0].is_dir() else paths[0].parent
    provenance = read_provenance(paths)
    base = provenance.root or Path.cwd()
    folder = presets or find_presets(first.absolute(), provenance.root)
    if folder is not None and not folder.is_dir():
        raise InvalidInput(reason=f"{folder}: there is no such folder of presets")
    preset_sums = read_preset_sums(folder) if folder is not None else None
    gathering = _Gathering(provenance, preset_sums, Intervals(now), inventory)
    with _no_collection():
        for number, file in enumerate(found, 1):
            gathering.take(_name(file, base), file)
            if progress is not None:
                progress(number, len(found))
    return gathering.catalog(herd)


class _Gathering:
    """The catalog while files are added to it."""

    def __init__(
        self,
        provenance: Provenance,
        preset_sums: dict[str, str] | None,
        intervals: Intervals,
        inventory: Inventory | None,
    ) -> None:
        self._provenance = provenance
        self._preset_sums = preset_sums
        self._intervals = intervals
        self._inventory = inventory
        self._specs: dict[str, Spec] = {}
        self._places: dict[str, tuple[str, int, int]] = {}
        self._problems: list[Problem] = []
        self._files: list[str] = []

    def take(self, name: str, file: Path) -> None:
        self._files.append(name)
        try:
            content = _read(file)
        except OSError as error:
            what = f"the file can't be read: {error.strerror or error}"
            self._problems.append(Problem(name, 1, 1, "", what))
            return
        read = read_job_file(name, content, self._preset_sums, self._intervals, self._inventory)
        self._problems += read.problems
        self._note_places(name, read)
        known = self._preset_sums or {}
        for written in read.jobs:
            source = Source(
                file=name,
                line=written.line,
                commit=self._provenance.commit,
                author=self._provenance.author,
                dirty=self._provenance.dirty,
            )
            sums = {preset: known[preset] for preset in written.job.presets}
            self._specs.setdefault(written.id, Spec.of(written.job, source, sums))

    def _note_places(self, name: str, read: JobFile) -> None:
        for job_id, (line, column) in read.places.items():
            place = (name, line, column)
            first = self._places.setdefault(job_id, place)
            if first is not place:
                self._problems.append(
                    Problem(
                        name,
                        line,
                        column,
                        f"jobs.{job_id}",
                        f"the id `{job_id}` is taken already, at {':'.join(map(str, first))}",
                        "give one of the two another id",
                        text=read.lines[line - 1],
                    )
                )

    def catalog(self, herd: int | None) -> Catalog:
        problems = sorted([*self._problems, *(() if herd is None else self._herds(herd))])
        return Catalog(
            specs=dict(sorted(self._specs.items())),
            problems=[p for p in problems if p.level is Level.error],
            warnings=[p for p in problems if p.level is Level.warning],
            files=tuple(self._files),
            provenance=self._provenance,
        )

    def _herds(self, most: int) -> Iterator[Problem]:
        jobs = {job_id: spec.job for job_id, spec in self._specs.items()}
        for herd in unspread_herds(jobs, most):
            name, line, column = self._places[herd.jobs[0]]
            yield Problem(
                name,
                line,
                column,
                f"jobs.{herd.jobs[0]}.schedule",
                *herd_words(herd),
                level=Level.warning,
                jobs=set(herd.jobs),
            )


@contextmanager
def _no_collection() -> Iterator[None]:
    """Hundreds of thousands of YAML nodes, none of them in a cycle, and the collector would walk
    through them over and over: without it, parsing takes a third of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _job_files(paths: Iterable[Path]) -> list[Path]:
    """Each file once, however many links lead to it; in the order of the paths, then by name."""
    files: dict[tuple[int, int] | Path, Path] = {}
    for path in paths:
        if not path.exists():
            raise InvalidInput(reason=f"{path}: there is no such file or folder")
        found = list(_below(path, set())) if path.is_dir() else [path]
        if not found:
            raise InvalidInput(
                reason=f"{path}: there is no job file (*.yaml or *.yml) here; to remove every "
                "job, keep one file that says `jobs: {}`"
            )
        for file in found:
            files.setdefault(_identity(file), file)
    return list(files.values())


def _below(folder: Path, seen: set[tuple[int, int]]) -> Iterator[Path]:
    """The job files below, hidden ones left out. A link back to a folder seen is not followed."""
    try:
        status = folder.stat()
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise InvalidInput(reason=f"{folder} can't be read: {error.strerror}") from error
    if (status.st_dev, status.st_ino) in seen:
        return
    seen.add((status.st_dev, status.st_ino))
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _below(entry, seen)
        elif entry.suffix in _SUFFIXES:
            yield entry


def _identity(file: Path) -> tuple[int, int] | Path:
    try:
        status = file.stat()
    except OSError:
        return file
    return status.st_dev, status.st_ino


def _read(file: Path) -> bytes:
    """Raises OSError, also for what is no file: reading a pipe would wait for ever."""
    status = file.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError("it is no regular file")
    if status.st_size > _MAX_BYTES:
        raise OSError(f"it is larger than {_MAX_BYTES >> 20} MiB")
    return file.read_bytes()


def _name(file: Path, base: Path) -> str:
    absolute = Path(os.path.normpath(file.absolute()))
    return str(absolute.relative_to(base) if absolute.is_relative_to(base) else absolute)
