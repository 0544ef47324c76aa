"""What each verb prints for machines, and the JSON Schema of it.

A schema is made from the very types that are printed, and only when it is asked for: a verb that
prints its document needs none.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

DOCUMENTS: dict[str, tuple[str, ...]] = {
    "validate": ("view.validate_document.ValidateDocument",),
    "plan": ("sync.PlanDocument",),
    "sync": ("sync.SyncDocument",),
    "status": ("standing.document.StatusDocument", "standing.watch.NoStatus"),
    "next": ("next.NextList", "ahead.heat_map.HeatMap", "ahead.herd.HerdList"),
    "nodes": ("nodes.NodeList", "nodes.NodeStory", "live.LiveDocument"),
    "drain": ("drain.DrainDocument",),
    "rollout": ("rollout.RolloutDocument",),
    "doctor": ("doctor.DoctorDocument",),
    "rebalance": ("rebalance.RebalanceDocument",),
    "run": ("run.RunDocument",),
    "history": ("history.HistoryDocument",),
    "logs": ("logs.LogsDocument",),
    "explain": ("explain.Explanation",),
    "alerts": ("alerts.AlertList",),
    "silence": ("silence.SilenceList",),
    "jobs": ("view.job_rows.JobList", "view.job_document.JobDocument"),
}
"""Each verb that has --output, with the type of each form of its document, by module."""


def document_schema(verb: str) -> dict[str, Any]:
    """Draft 2020-12, the same for the same version of this program. Raises KeyError.

    Every field is there in every document, and no other: what is not known is null or empty.
    """
    from pydantic import TypeAdapter

    forms = [_type(path) for path in DOCUMENTS[verb]]
    references, schema = TypeAdapter.json_schemas(
        [(form, "serialization", TypeAdapter(form)) for form in forms]
    )
    _close(schema)
    one, *more = (references[form, "serialization"] for form in forms)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"What `crony-ops {verb} --output json` prints",
        **({"anyOf": [one, *more]} if more else one),
        **schema,
    }


def _type(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(import_module(f"crony_ops.cli.{module}"), name)


# Under these stand names that somebody chose, like `title`, and no keywords.
_NAMED_PARTS = ("$defs", "properties", "patternProperties")


def _close(part: Any, *, names: bool = False) -> None:
    """Say of each object that its fields are all there, and are all; leave out what says nothing of
    a document. ``names``: the keys of ``part`` are names."""
    if isinstance(part, list):
        for item in part:
            _close(item)
    if not isinstance(part, dict):
        return
    if not names:
        part.pop("title", None)
        part.pop("default", None)
        if "description" in part:
            part["description"] = " ".join(part["description"].split()).replace("``", "`")
        if "properties" in part:
            part |= {"required": list(part["properties"]), "additionalProperties": False}
    for key, value in part.items():
        _close(value, names=not names and key in _NAMED_PARTS)
