"""Jinja2 templates: shipped ones, and an operator's own in a folder, which go before them.

A message is only ever a value in them, never a template.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jinja2 import (
    ChoiceLoader,
    FileSystemLoader,
    PackageLoader,
    StrictUndefined,
    TemplateError,
    TemplateNotFound,
)
from jinja2.sandbox import ImmutableSandboxedEnvironment

from crony_ops.alerts.legible import one_line
from crony_ops.alerts.message import Undelivered

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from jinja2 import Environment


def text_templates(folder: Path | None) -> Environment:
    """For mails: in ``.html`` each value is escaped."""
    return _environment(folder, lambda name: name is not None and name.endswith(".html"), None)


def json_templates(folder: Path | None) -> Environment:
    """For bodies: whatever ``{{ … }}`` puts in is written as JSON, a text with its quotes. So no
    text can break the document."""
    return _environment(folder, lambda _: False, _as_json)


def rendered(environment: Environment, name: str, values: Mapping[str, Any]) -> str:
    """Raises Undelivered, with the place of the mistake: not for good, as a template is mended."""
    try:
        return environment.get_template(name).render(values)
    except TemplateNotFound as error:
        raise Undelivered(reason=f"there is no template {error.name}", permanent=False) from None
    except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError, OSError) as error:
        place = f"{name}:{line}" if (line := getattr(error, "lineno", None)) else name
        said = one_line(str(error)) or type(error).__name__
        reason = f"the template {place} can't be used: {said[:200]}"
        raise Undelivered(reason=reason, permanent=False) from None


def _environment(
    folder: Path | None,
    autoescape: Callable[[str | None], bool],
    finalize: Callable[[Any], str] | None,
) -> Environment:
    shipped = PackageLoader("crony_ops.alerts", "templates")
    return ImmutableSandboxedEnvironment(
        loader=ChoiceLoader([FileSystemLoader(folder), shipped]) if folder else shipped,
        autoescape=autoescape,
        finalize=finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _as_json(value: Any) -> str:
    # What is neither JSON nor a text must not pass: an undefined name raises here.
    return json.dumps(value, ensure_ascii=False, allow_nan=False, default=str)
