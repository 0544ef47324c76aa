"""Pydantic's errors in the words of somebody who writes job files, and the nearest right word."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

from pydantic import BaseModel

from crony_ops.catalog.problem import quoted
from crony_ops.model.job import Job

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic_core import ErrorDetails

    from crony_ops.catalog.yaml_tree import Path

# What other schedulers call it.
_ELSEWHERE = {
    "cron": "schedule",
    "when": "schedule",
    "interval": "schedule",
    "command": "shell",
    "cmd": "shell",
    "run": "shell",
    "script": "shell",
    "exec": "shell",
    "url": "http.url",
    "tz": "timezone",
    "zone": "timezone",
    "cwd": "workdir",
    "environment": "env",
    "nodes": "run_on",
    "hosts": "run_on",
    "node_selector": "run_on",
    "max_retries": "retries.count",
    "alerts": "notify",
    "executor": "interpreter",
    "tags": "labels",
    "niceness": "nice",
    "jitter": "splay",
    "deadline": "timeout",
}
_EXAMPLES = {
    "schedule": 'schedule: "30 2 * * *"',
    "http": "http: {url: https://…}",
    "http.url": "url: https://…",
    "http.expect": "expect: [200]",
    "labels": "labels: {team: payments}",
    "interpreter": "interpreter: /usr/bin/python3 -c",
    "http.query": "query: {full: yes}",
    "retries.retry_on": "retry_on: [75]",
    "run_on": "run_on: auto, {node: db-1}, {group: web} or {group: web, every: true}",
    "presets": "presets: [pg-client]",
    "env": "env: {NAME: value}",
    "retries": "retries: {count: 3, delay: 10s}",
    "misfire": "misfire: {policy: latest, grace: 6h}",
    "success": "success: {exit_codes: [0]}",
    "success.exit_codes": "exit_codes: [0]",
    "notify": "notify: {to: [ops@example.com], after: 2}",
    "notify.to": "to: [ops@example.com]",
    "notify.on": "on: [failure, recovery]",
    "notify.channels": "channels: [mail]",
    "notify.slow": "slow: 30m, or slow: auto",
    "maintenance": 'maintenance: [{schedule: "0 2 * * 0", duration: 2h}]',
}


class Wording(NamedTuple):
    """``path`` is within the job. ``at_key``: the fault is the key's, not the value's."""

    path: Path
    what: str
    mend: str
    at_key: bool = False


def word(error: ErrorDetails, written: dict[str, Any]) -> Wording:
    """One of pydantic's errors on the job that was ``written`` (as merged with its defaults)."""
    path = error["loc"]
    kind = error["type"]
    value = error["input"]
    example = _EXAMPLES.get(".".join(str(step) for step in path))
    shown = f"write `{example}`" if example else ""
    if kind == "value_error":
        return _rule(path, str(error["ctx"]["error"]), written)
    if path and path[-1] == "[key]":
        return _key(path[:-1])
    if kind == "extra_forbidden":
        return Wording(path, "there is no such field", nearest_field(path), at_key=True)
    if kind == "missing":
        return Wording(path, f"`{path[-1]}` is missing", shown, at_key=True)
    if value is None:
        return Wording(path, "nothing is written here", shown or "write a value, or take it out")
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return Wording(path, f"a mapping belongs here, not {_name(value)}", shown)
    if kind in ("tuple_type", "list_type"):
        return Wording(path, f"a list belongs here, not {_name(value)}", shown)
    if kind != "too_short" and isinstance(value, dict | list):
        return Wording(path, f"a single value belongs here, not {_name(value)}", "")
    if kind in ("enum", "literal_error"):
        return _choice(path, value, str(error["ctx"]["expected"]))
    what, mend = _scalar(kind, value, error)
    return Wording(path, what, mend)


def nearest_field(path: Path) -> str:
    """How an unknown field may have been meant: misspelt, on the wrong level, or as elsewhere."""
    name = str(path[-1])
    model = _model_at(path[:-1])
    known = list(model.model_fields)
    if model is Job and name.lower() in _ELSEWHERE:
        return f"did you mean `{_ELSEWHERE[name.lower()]}`?"
    near = get_close_matches(name.lower().replace("-", "_"), known, n=1)
    if near:
        return f"did you mean `{near[0]}`?"
    if model is not Job and name in Job.model_fields:
        return f"`{name}` belongs to the job itself, one level up"
    if model is Job:
        deeper = [f"{outer}.{name}" for outer in known if name in _model_at((outer,)).model_fields]
        if deeper:
            return f"did you mean `{deeper[0]}`?"
    return f"known here are {', '.join(known)}"


def nearest(text: str, known: Iterable[str]) -> str:
    """The nearest of the known texts as a question, or all of them."""
    choices = list(known)
    near = get_close_matches(text.lower(), choices, n=1, cutoff=0.5)
    return f"did you mean `{near[0]}`?" if near else f"write one of {', '.join(choices)}"


def bad_id(job_id: str) -> tuple[str, str]:
    """What is wrong with an id that is none, and how to mend it."""
    nearest_id = re.sub(r"[^a-z0-9._-]+", "-", job_id.lower()).lstrip("._-")[:63].rstrip("-")
    rule = "a job id has lower-case letters, digits, `.`, `_` and `-`, no sign first, 63 at most"
    return rule, f"write `{nearest_id}`" if nearest_id else "write one such as `db-backup`"


class _NoFields(BaseModel):
    pass


def _model_at(path: Path) -> type[BaseModel]:
    model: type[BaseModel] = Job
    for step in path:
        if isinstance(step, int):  # an item of a list is what the list is of
            continue
        field = model.model_fields.get(str(step))
        if field is None:
            return _NoFields
        annotated = (field.annotation, *get_args(field.annotation))
        inner = [a for a in annotated if isinstance(a, type) and issubclass(a, BaseModel)]
        if not inner:
            return _NoFields
        model = inner[0]
    return model


def _rule(path: Path, what: str, written: dict[str, Any]) -> Wording:
    """A rule over several fields stands at the first field that it names and that is written."""
    value: Any = written
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    if isinstance(value, dict):
        named = what.split("`")[1::2]
        field = next((name for name in named if value.get(name) is not None), None)
        if field is not None:
            return Wording((*path, field), what, "", at_key=True)
    return Wording(path, what, "", at_key=isinstance(value, dict))


def _key(path: Path) -> Wording:
    if path[0] == "labels":
        mend = "a name has letters, digits, dots, underscores and dashes, 63 at most"
        return Wording(path, f"`{path[-1]}` is no name of a label", mend, at_key=True)
    return Wording(
        path,
        f"`{path[-1]}` is no name of an environment variable",
        "use letters, digits and underscores, and no digit first",
        at_key=True,
    )


def _choice(path: Path, value: object, expected: str) -> Wording:
    known = expected.split("'")[1::2]
    return Wording(path, f"{_name(value)} is not known here", nearest(str(value), known))


def _scalar(kind: str, value: object, error: ErrorDetails) -> tuple[str, str]:
    limits = error.get("ctx", {})
    match kind:
        case "int_parsing" | "int_from_float" | "int_parsing_size" | "int_type":
            return f"{_name(value)} is no whole number", "write digits only"
        case "bool_parsing" | "bool_type":
            return f"{_name(value)} is neither true nor false", "write true or false"
        case "greater_than_equal":
            return f"{_name(value)} is too small", f"{limits['ge']} is the least"
        case "less_than_equal":
            return f"{_name(value)} is too much", f"{limits['le']} is the most"
        case "string_too_short" | "too_short":
            return "this is empty", "write something, or take the field out"
        case "string_pattern_mismatch":
            return f"{_name(value)} is not of the right form", _form(str(limits["pattern"]))
        case _:
            return error["msg"], ""


def _form(pattern: str) -> str:
    if "https?" in pattern:
        return "a URL begins with http:// or https:// and has no spaces"
    if pattern.startswith("^[a-z_]"):
        return "a user name has lower-case letters, digits, _ and -"
    if pattern == "^[0-7]{3,4}$":
        return "an umask has three or four octal digits, such as 027"
    if pattern == "^[A-Za-z]+$":
        return "a method is a word such as GET or POST"
    return "a name has letters, digits, dots, underscores and dashes, 63 at most"


def _name(value: object) -> str:
    """The value, shortened; containers by their kind alone, for they may be large without end."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return quoted(str(value))
