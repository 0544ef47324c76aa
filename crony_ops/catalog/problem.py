"""What is wrong with a job file, where, and how to mend it: for people, GitHub and machines."""

from __future__ import annotations

import dataclasses
from enum import StrEnum

_CARET_WIDTH = 100


class Level(StrEnum):
    error = "error"
    warning = "warning"


@dataclasses.dataclass(frozen=True, slots=True)
class ProblemPart:
    """One thing that is wrong. ``line`` and ``column`` count from 1, columns in characters.
    ``field`` is the path of the field (``jobs.db-backup.retries.count``), empty where it concerns
    the file as a whole. ``mend`` says how, where that can be told in short."""

    file: str
    line: int
    column: int
    field: str
    what: str
    mend: str
    level: Level


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong. Problems sort by file and position.

    ``line`` and ``column`` count from 1, columns in characters. ``field`` is the path of the
    field (``jobs.db-backup.retries.count``), empty where it concerns the file as a whole.
    ``text`` is the line of the file that it stands in, ``jobs`` are the ids that it concerns.
    """

    file: str
    line: int
    column: int
    field: str
    what: str
    mend: str = ""
    level: Level = Level.error
    text: str = dataclasses.field(default="", compare=False)
    jobs: set[str] = dataclasses.field(default_factory=set, compare=False)

    @property
    def message(self) -> str:
        """What is wrong and how to mend it, without the place: one line, whatever it quotes."""
        words = f"{self.what}; {self.mend}" if self.mend else self.what
        return _escaped(f"{self.field}: {words}" if self.field else words)

    def render(self, *, caret: bool = False) -> str:
        """``file:line:column: field: what; how to mend it``, and the line itself with a caret."""
        mark = "warning: " if self.level is Level.warning else ""
        head = f"{_escaped(self.file)}:{self.line}:{self.column}: {mark}{self.message}"
        if not caret or not self.text.strip():
            return head
        start = max(0, self.column - _CARET_WIDTH + 20)
        shown = _one_column_each(self.text[start : start + _CARET_WIDTH]).rstrip()
        return f"{head}\n    {shown}\n    {' ' * (self.column - 1 - start)}^"

    def as_github(self) -> str:
        """A workflow command, which GitHub shows beside the line in the pull request."""
        place = f"file={_property(self.file)},line={self.line},col={self.column}"
        return f"::{self.level} {place}::{_data(self.message)}"

    def for_machines(self) -> ProblemPart:
        """The text of the line and the jobs are left out."""
        names = (field.name for field in dataclasses.fields(ProblemPart))
        return ProblemPart(**{name: getattr(self, name) for name in names})


def quoted(text: str) -> str:
    """Something that stands in the file, as a problem quotes it: what is long is cut."""
    return f"`{text}`" if len(text) <= 60 else f"`{text[:57]}…`"


def _escaped(words: str) -> str:
    """What can't be seen is spelt as in YAML's double quotes: ``\\n``, ``\\x1b``, ``\\u200b``."""
    if words.isprintable():
        return words
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in words
    )


def _one_column_each(line: str) -> str:
    """What can't be seen in as many places, lest the caret stand elsewhere."""
    return "".join(
        char if char.isprintable() else " " if char.isspace() else "\ufffd" for char in line
    )


def _data(words: str) -> str:
    return words.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(words: str) -> str:
    return _data(words).replace(":", "%3A").replace(",", "%2C")
