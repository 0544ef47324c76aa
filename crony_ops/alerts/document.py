"""A message as the JSON document that webhooks get: version 1, described by
`docs/alert.schema.json`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from crony_ops.alerts.legible import printed_time
from crony_ops.alerts.message import Language
from crony_ops.model.alert import Severity

if TYPE_CHECKING:
    from crony_ops.alerts.message import Message


class Document(BaseModel):
    """What crony-watcher tells a webhook. A later release of the same version may add fields; it
    takes none away and changes the meaning of none."""

    model_config = ConfigDict(title="Crony Ops alert")

    version: Literal[1] = 1
    key: Annotated[str, Field(description="the same at each attempt, as in Idempotency-Key")]
    cause: Annotated[str, Field(description="failure, recovery, missed, node-lost, …")]
    severity: Severity
    ended: Annotated[bool, Field(description="whether it tells of something that is over")]
    subject: Annotated[str, Field(description="one line")]
    text: Annotated[str, Field(description="may have several lines")]
    at: Annotated[float, Field(description="unix seconds")]
    time: Annotated[str, Field(description="the same moment in the configured time zone")]
    host: Annotated[str, Field(description="a node's name, or empty")]
    job: Annotated[str, Field(description="a job's id, or empty")]
    run_id: Annotated[str, Field(description="a run's id, or empty")]
    output: Annotated[str, Field(description="the end of the run's output, or empty")]
    names: Annotated[tuple[str, ...], Field(description="of a digest: the jobs or nodes in it")]
    link: Annotated[str, Field(description="where to follow it up: http(s)://…, or empty")]
    on_duty: Annotated[tuple[str, ...], Field(description="whom to mention")]
    language: Language


def document_of(message: Message, timezone: str) -> dict[str, Any]:
    """Of a prepared message, as JSON data."""
    return Document(
        key=message.key,
        cause=message.cause,
        severity=message.severity,
        ended=message.ended,
        subject=message.subject,
        text=message.text,
        at=message.at,
        time=printed_time(message.at, timezone),
        host=message.host,
        job=message.job,
        run_id=message.run_id,
        output=message.output,
        names=message.names,
        link=message.link,
        on_duty=message.on_duty,
        language=message.language,
    ).model_dump(mode="json")


def document_schema() -> dict[str, Any]:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Document.model_json_schema(mode="serialization"),
    }


def written(data: object) -> bytes:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
