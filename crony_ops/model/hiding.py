"""What of a job is not shown: plans and documents are read by more people than the files are."""

from __future__ import annotations

import re
from typing import Any

from crony_ops.model.secret_names import sounds_secret

HIDDEN = "(hidden)"
_NAMED = ("env.", "http.headers.", "http.query.")
_REFERENCE = r"\$\{[^}]*\}"
_BUT_REFERENCES = re.compile(rf"(?:(?:basic|bearer|token)\s+)?(?:{_REFERENCE})+", re.IGNORECASE)


def _text_but(stops: str) -> str:
    """A pattern for text in which a reference may hold what otherwise ends it. Each character can
    be read in one way only, or a long text would be read in all of them."""
    return rf"(?:\$\$\{{|{_REFERENCE}|(?!\$\$?\{{)[^{stops}])*"


_USERINFO = re.compile(
    rf"^(https?://)({_text_but('/?#:@')})(?::({_text_but('/?#')}))?@", re.IGNORECASE
)
_PARAMETER = re.compile(rf"([?&])([^=&#]*)=({_text_but('&#')})")


def shown_field(path: str, value: Any) -> Any:
    """The value of a job's field, given by its dotted path, as it may be shown."""
    if not isinstance(value, str):
        return value
    if path == "http.url":
        return shown_url(value)
    section = next((section for section in _NAMED if path.startswith(section)), None)
    return value if section is None else _shown(path.removeprefix(section), value)


def shown_job(job: dict[str, Any]) -> dict[str, Any]:
    """A job as JSON data, for showing."""
    return _walked("", job)


def shown_url(url: str) -> str:
    """Without passwords, and without the values of parameters that sound secret."""
    url = _USERINFO.sub(_userinfo, url)
    return _PARAMETER.sub(lambda found: f"{found[1]}{found[2]}={_shown(found[2], found[3])}", url)


def _walked(path: str, values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _walked(f"{path}{name}.", value)
        if isinstance(value, dict)
        else shown_field(path + name, value)
        for name, value in values.items()
    }


def _userinfo(found: re.Match[str]) -> str:
    scheme, user, password = found.groups()
    if password is None:
        return f"{scheme}{_but_references(user)}@"
    return f"{scheme}{user}:{_but_references(password)}@"


def _shown(name: str, value: str) -> str:
    return _but_references(value) if sounds_secret(name) else value


def _but_references(value: str) -> str:
    """A reference is no secret itself, and tells where to look."""
    return value if not value or _BUT_REFERENCES.fullmatch(value) else HIDDEN
