"""What libyaml says of a broken file, in the words of somebody who writes job files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    import yaml

# As libyaml counts lines.
_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_BRACKETED = re.compile("flow (sequence|mapping)|quoted scalar")
_NAMED = re.compile("scanning an (alias|anchor)")
_CONFLICT = re.compile(r"^(<{7}|={7}|>{7})( |$)")


def split_lines(text: str) -> list[str]:
    """The lines as libyaml counts them, so that its line numbers are indexes here."""
    return _LINE_BREAK.split(text)


def explain(error: yaml.YAMLError, text: bytes) -> tuple[int, int, str, str]:
    """Line and column (from 1), what is wrong, and how to mend it."""
    content = text.decode(errors="replace")
    lines = split_lines(content)
    for number, line in enumerate(lines, 1):
        if _CONFLICT.match(line):
            return number, 1, "a merge conflict was left in the file", "settle it"
    mark: Any = getattr(error, "problem_mark", None)
    if mark is None:
        return _unreadable(error, content)
    opened: Any = getattr(error, "context_mark", None)
    if opened is not None and opened.line < mark.line and _BRACKETED.search(str(error)):
        # What was never closed is best shown where it was opened, not at the end of the file.
        mark = opened
    line_number, column = _within(lines, mark.line, mark.column)
    line = lines[line_number]
    if line[column - 1 : column] in ("*", "&") and _NAMED.search(str(error)):
        column -= 1
    what, mend = _words(error, line, column)
    return line_number + 1, column + 1, what, mend


def _within(lines: Sequence[str], line: int, column: int) -> tuple[int, int]:
    """libyaml marks the end of the file on a line that is not there: step back to the last."""
    if line >= len(lines) or (line == len(lines) - 1 and not lines[line] and line):
        line = max(0, min(line, len(lines) - 1))
        while line and not lines[line].strip():
            line -= 1
        return line, len(lines[line])
    return line, min(column, len(lines[line]))


def _unreadable(error: yaml.YAMLError, content: str) -> tuple[int, int, str, str]:
    """A character that YAML does not allow. libyaml counts its position in bytes."""
    position = getattr(error, "position", 0) or 0
    before = content.encode()[:position].decode(errors="ignore")
    lines = split_lines(before)
    return (
        len(lines),
        len(lines[-1]) + 1,
        "a control character stands here, which YAML does not allow",
        "take it out, or write it as an escape within double quotes",
    )


def _words(error: yaml.YAMLError, line: str, column: int) -> tuple[str, str]:
    problem = str(getattr(error, "problem", None) or "it is no YAML")
    context = str(getattr(error, "context", None) or "")
    at = line[column : column + 1]
    starred = line[column:].strip()
    if "alias" in context or "undefined alias" in problem:
        quoted = starred.partition(" #")[0].rstrip().replace('"', "'")
        return (
            "an unquoted * is an alias in YAML",
            f'quote it: "{quoted}"' if quoted.startswith("*") else "quote the text that has it",
        )
    if at == "\t" or "tab character" in problem or "\t" in line[:column]:
        return "a tab: YAML is indented with spaces only", "put spaces in its place"
    if "cannot start any token" in problem:
        return f"an unquoted text can't start with {at}", f"quote it: {_quoted(line[column:])}"
    if "mapping values are not allowed" in problem:
        return (
            "a colon that YAML takes for a key's, or a line that is indented wrongly",
            "quote the text (or put it below `|`), or align the line with its neighbours",
        )
    if "anchor" in context:
        return "an unquoted & is an anchor in YAML", "quote the text, or put it below `|`"
    if "single document" in context:
        return "a second document begins here", "put all jobs beneath one `jobs:`, or in two files"
    if "quoted scalar" in context and "end of stream" in problem:
        return "a quote that is never closed", "close it"
    if "escape" in problem:
        return (
            "an unknown escape in double quotes",
            "write \\\\ for a backslash, or use single quotes",
        )
    if "flow" in context:
        return "a bracket that is not closed, or a comma missing", "close it"
    if "did not find expected key" in problem:
        return (
            "a key was expected here: this is indented wrongly, or a quote ended too early",
            "align it with its neighbours; within single quotes, '' is a quote",
        )
    if "block sequence" in problem or "expected '-'" in problem:
        return "a list and a mapping are mixed here", "indent it as its neighbours are"
    return problem, "quote the text, or mend the indentation"


def _quoted(rest: str) -> str:
    value = rest.partition(" #")[0].strip()
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
