"""Numbers and errors as the findings have them."""

from __future__ import annotations

_SPANS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


def counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def span(seconds: float) -> str:
    """In its largest unit: 8000 -> ``2 h``."""
    whole = max(0, int(seconds))
    unit, length = next((s for s in _SPANS if whole >= s[1]), _SPANS[-1])
    return f"{whole // length} {unit}"


def size(count: float) -> str:
    """Bytes in the unit that fits: ``41 MiB``."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if count >= 10 or unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def some(names: list[str], most: int = 3) -> str:
    """``a, b, c and 4 more``."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def last_words(error: str) -> str:
    """Of what gRPC says the last part is the one that tells."""
    return error.rstrip(". ").rpartition(": ")[2]
