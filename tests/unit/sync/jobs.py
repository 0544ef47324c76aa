"""Specs and stored specs for the tests, as sync itself would make them."""

from __future__ import annotations

from typing import Any

from crony_ops.model.job import Job
from crony_ops.model.spec import Source, Spec
from crony_ops.sync.stored import StoredSpec


def spec(
    *, file: str = "jobs/a.yaml", line: int = 1, commit: str = "", sums: Any = None, **fields: Any
) -> Spec:
    written = {"schedule": "30 2 * * *"} | fields
    if "http" not in written:
        written.setdefault("shell", "true")
    source = Source(file=file, line=line, commit=commit)
    return Spec.of(Job.model_validate(written), source, sums or {})


def stored(revision: int = 5, due_from: float = 0.0, **fields: Any) -> StoredSpec:
    since = spec(**fields).model_copy(update={"due_from": due_from})
    return StoredSpec.of(since.to_json(), revision)
