"""Jobs as YAML that a person might have written: short forms, durations as ``30m``, no defaults."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import yaml

from crony_ops.model.duration import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from crony_ops.model.job import Job

DURATIONS = frozenset(
    {
        "timeout",
        "http.connect_timeout",
        "splay",
        "retries.delay",
        "retries.max_delay",
        "retries.jitter",
        "misfire.grace",
        "notify.remind",
        "notify.slow",
        "maintenance.duration",
    }
)
"""The dotted paths of all fields that hold seconds."""

SCHEMA_LINE = "# yaml-language-server: $schema=../docs/job.schema.json"
_LINES_AND_TABS = str.maketrans("\n\t", "  ")
# A list or a mapping of scalars stands on one line up to this length.
_ONE_LINE = 80
# The mapping of the ids and that of a job's fields are never on one line.
_BLOCK_DEPTH = 2


def job_fields(job: Job) -> dict[str, Any]:
    """What has to be written so that the job is read back from it: plain data, in the model's
    order, defaults left out."""
    fields: dict[str, Any] = job.model_dump(mode="json", exclude_defaults=True)
    if "interpreter" in fields:
        fields["interpreter"] = shlex.join(fields["interpreter"])
    for path in DURATIONS:
        outer, _, name = path.rpartition(".")
        found = fields.get(outer) if outer else fields
        for holder in found if isinstance(found, list) else [found or {}]:
            if isinstance(holder.get(name), int):
                holder[name] = format_duration(holder[name])
    return fields


def job_file_text(
    jobs: Mapping[str, Mapping[str, Any]],
    *,
    defaults: Mapping[str, Any] | None = None,
    head: Iterable[str] = (),
    remarks: Mapping[str, Iterable[str]] | None = None,
) -> str:
    """A whole job file, in the order of ``jobs``. ``head`` and a job's ``remarks`` are lines of
    comment that stand above the file and above the job; what can't be seen is replaced in them."""
    parts = [f"{SCHEMA_LINE}\n", *map(_comment, head)]
    if defaults:
        parts.append(_dump({"defaults": defaults}))
    parts.append("jobs:\n" if jobs else "jobs: {}\n")
    for job_id, fields in jobs.items():
        parts += [f"  {_comment(remark)}" for remark in (remarks or {}).get(job_id, ())]
        lines = _dump({job_id: fields}).split("\n")
        parts += [f"  {line}\n" if line else "\n" for line in lines[:-1]]
    return "".join(parts)


def _comment(line: str) -> str:
    seen = "".join(char if char.isprintable() else " " for char in line)
    return f"# {seen}".rstrip() + "\n"


def _dump(data: Mapping[str, Any]) -> str:
    return yaml.dump(
        dict(data), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=float("inf")
    )


class _Dumper(yaml.SafeDumper):
    """Text of several lines as a block, what is short on one line, no anchors."""

    _depth = 0

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the signature is PyYAML's
        return True

    def represent_text(self, text: str) -> yaml.ScalarNode:
        # libyaml ends lines at \x85 and \u2028 too, and what ends a line is not kept as it was.
        seen = text.translate(_LINES_AND_TABS).isprintable()
        # A tab would count as indentation, and empty lines at the end would end the document.
        block = "\n" in text and text.lstrip("\n")[:1] not in ("", "\t") and text[-2:] != "\n\n"
        style = "|" if seen and block else None if seen and "\n" not in text else '"'
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    def analyze_scalar(self, scalar: str) -> Any:
        """PyYAML has no tab in a block, and would put a whole script in quotes for one."""
        spaced = super().analyze_scalar(scalar.replace("\t", " "))
        if "\n" not in scalar or not spaced.allow_block:
            return super().analyze_scalar(scalar)
        spaced.scalar = scalar
        return spaced

    def represent_fields(self, fields: dict[str, Any]) -> yaml.MappingNode:
        self._depth += 1
        short = self._depth > _BLOCK_DEPTH and _is_short(fields)
        node = self.represent_mapping("tag:yaml.org,2002:map", fields, flow_style=short)
        self._depth -= 1
        return node

    def represent_items(self, items: list[Any]) -> yaml.SequenceNode:
        return self.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=_is_short(items))


def _is_short(value: Any) -> bool:
    text = str(value)
    return len(text) <= _ONE_LINE and "\\n" not in text


_Dumper.add_representer(str, _Dumper.represent_text)
_Dumper.add_representer(dict, _Dumper.represent_fields)
_Dumper.add_representer(list, _Dumper.represent_items)
