"""Where the preset scripts stand, and what each amounts to."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from crony_ops.catalog.wording import nearest
from crony_ops.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from crony_ops.model.spec import Spec

_IN_THE_ROLE = "roles/crony_node/files/presets"


def find_presets(jobs: Path, root: Path | None) -> Path | None:
    """The presets folder of a jobs folder: in it, beside it, or with the node's Ansible role.

    ``root`` is that of the git repository, if there is one.
    """
    places = [jobs / "presets", jobs.parent / "presets", jobs.parent / _IN_THE_ROLE]
    if root is not None:
        places.append(root / _IN_THE_ROLE)
    return next((place for place in places if place.is_dir()), None)


def read_preset_sums(folder: Path) -> dict[str, str]:
    """The sha256 of each ``<name>.sh``, by name. Raises InvalidInput if one can't be read."""
    sums: dict[str, str] = {}
    try:
        for script in sorted(folder.glob("*.sh")):
            sums[script.name.removesuffix(".sh")] = hashlib.sha256(script.read_bytes()).hexdigest()
    except OSError as error:
        raise InvalidInput(reason=f"a preset can't be read: {error}") from error
    return sums


def scripts_for(specs: Iterable[Spec], folder: Path | None) -> tuple[Path, ...]:
    """The scripts that these jobs name; none where there is no folder of presets."""
    names = {name for spec in specs for name in spec.job.presets}
    return () if folder is None else tuple(folder / f"{name}.sh" for name in sorted(names))


def missing_preset(preset: str, known: Mapping[str, str] | None) -> tuple[str, str]:
    """What is wrong, and how to mend it, where a job names a preset that is not ``known``; None:
    there is no folder of presets."""
    if known is None:
        what = f"there is no preset `{preset}`, and no folder of presets"
        return what, "make `presets` beside the jobs folder, or say where it is"
    mend = nearest(preset, known) if known else "the folder of presets is empty"
    return f"there is no preset `{preset}`", mend
