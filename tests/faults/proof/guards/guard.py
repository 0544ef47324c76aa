"""A guard, and how the source looks without it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

_COPIED = ("crony_ops", "tests")


class GuardNotFound(Exception):
    """The text that a guard consists of is not in the source just once: it was moved or edited,
    and its edit has to follow."""


@dataclass(frozen=True, slots=True)
class Edit:
    """``old``, which stands just once in the module at ``path``, becomes ``new``."""

    path: str
    old: str
    new: str = ""

    def applied(self, source: str) -> str:
        """Raises GuardNotFound."""
        found = source.count(self.old)
        if found != 1:
            raise GuardNotFound(f"{self.path} has {found} times, not once:\n{self.old}")
        return source.replace(self.old, self.new)


@dataclass(frozen=True, slots=True)
class Guard:
    """``what`` it is, in words. One of the ``rules`` of the checker has to see it gone; what others
    see may have other causes. Its edits, one after the other, take it out."""

    name: str
    what: str
    rules: tuple[str, ...]
    edits: tuple[Edit, ...]

    def without(self, tree: Path) -> dict[str, str]:
        """The modules as they read without it, by path; ``tree`` is where the source lies.
        Raises GuardNotFound."""
        edited: dict[str, str] = {}
        for edit in self.edits:
            source = edited.get(edit.path) or (tree / edit.path).read_text()
            edited[edit.path] = edit.applied(source)
        return edited

    def take_out(self, tree: Path, copy: Path) -> None:
        """Make ``copy`` the source of ``tree`` without this guard, whatever was there before.
        Raises GuardNotFound."""
        edited = self.without(tree)
        shutil.rmtree(copy, ignore_errors=True)
        for folder in _COPIED:
            unwanted = shutil.ignore_patterns("__pycache__")
            shutil.copytree(tree / folder, copy / folder, symlinks=True, ignore=unwanted)
        for path, source in edited.items():
            (copy / path).write_text(source)
