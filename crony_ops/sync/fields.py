"""What differs between two jobs, field by field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crony_ops.catalog.job_yaml import DURATIONS
from crony_ops.model.duration import format_duration
from crony_ops.model.hiding import shown_field

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crony_ops.model.spec import Spec


@dataclass(frozen=True, slots=True)
class FieldChange:
    """``old`` and ``new`` are JSON data, durations as people write them; None stands for unset."""

    field: str
    old: Any
    new: Any


def changed_fields(old: Spec, new: Spec) -> tuple[FieldChange, ...]:
    """Every field by its dotted path. What sounds secret is hidden: plans end up in logs and in
    comments, where more people read than in the files."""
    before, after = dict(_leaves(old)), dict(_leaves(new))
    return tuple(
        _change(path, before.get(path), after.get(path))
        for path in dict.fromkeys((*before, *after))
        if before.get(path) != after.get(path)
    )


def _leaves(spec: Spec) -> Iterator[tuple[str, Any]]:
    yield from _flat("", spec.job.model_dump(mode="json"))
    yield from _flat("preset_sums.", spec.preset_sums)
    yield "file", spec.source.file


def _flat(path: str, values: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(f"{path}{name}.", value)
        else:
            yield path + name, value


def _change(path: str, old: Any, new: Any) -> FieldChange:
    if path in DURATIONS:
        return FieldChange(path, _written(old), _written(new))
    return FieldChange(path, shown_field(path, old), shown_field(path, new))


def _written(seconds: int | str | None) -> str | None:
    """A word in place of a duration stays: ``slow: auto``."""
    return format_duration(seconds) if isinstance(seconds, int) else seconds
