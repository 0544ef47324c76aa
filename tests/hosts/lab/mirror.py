"""Where this machine's apt gets its packages from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_APT = Path("/etc/apt")


def apt_mirror(suite: str, apt: Path = _APT) -> str | None:
    """The first address that is named for this suite (``bookworm``), in either form of sources."""
    for path in sorted(apt.glob("sources.list.d/*.sources")):
        for stanza in path.read_text().split("\n\n"):
            fields = _fields(stanza)
            if "deb" in fields.get("types", ()) and suite in fields.get("suites", ()):
                return fields["uris"][0]
    for path in (apt / "sources.list", *sorted(apt.glob("sources.list.d/*.list"))):
        if path.exists():
            for uri, named in _lines(path.read_text()):
                if named == suite:
                    return uri
    return None


def _fields(stanza: str) -> dict[str, list[str]]:
    lines = [line.partition(":") for line in stanza.splitlines() if not line.startswith("#")]
    return {name.strip().lower(): value.split() for name, colon, value in lines if colon}


def _lines(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        kind, _, rest = line.strip().partition(" ")
        if kind == "deb":
            if rest.lstrip().startswith("["):
                rest = rest.partition("]")[2]
            uri, suite, *_ = (*rest.split(), "", "")
            yield uri, suite
