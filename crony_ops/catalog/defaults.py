"""What a job is with the defaults of its file: its own fields win, mappings are merged by key."""

from __future__ import annotations

from typing import Any

from crony_ops.model.job import SHELL_FIELDS

# `node` and `group` exclude each other, so that a place is taken over as a whole or not at all.
_NOT_MERGED = "run_on"


def with_defaults(defaults: dict[str, Any], written: dict[str, Any]) -> dict[str, Any]:
    """Defaults for the other kind of action are left out, with all that belongs to it: a file may
    say ``env`` for its shell jobs and still hold an HTTP job."""
    base = defaults
    if "http" in written:
        base = {k: v for k, v in defaults.items() if k not in ("shell", *SHELL_FIELDS)}
    elif "shell" in written:
        base = {k: v for k, v in defaults.items() if k != "http"}
    return _merged(base, written)


def _merged(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = {**under, **over}
    for key in under.keys() & over.keys():
        if key != _NOT_MERGED and isinstance(under[key], dict) and isinstance(over[key], dict):
            merged[key] = _merged(under[key], over[key])
    return merged
