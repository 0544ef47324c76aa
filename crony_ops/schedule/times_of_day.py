"""Which seconds of a day a schedule names: every combination of its hours, minutes and seconds."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class TimesOfDay:
    """Ascending, non-empty hours, minutes and seconds. A time of day is 0 to 86,399 seconds."""

    hours: tuple[int, ...]
    minutes: tuple[int, ...]
    seconds: tuple[int, ...]
    first: int = field(init=False)
    last: int = field(init=False)
    total: int = field(init=False)

    def __post_init__(self) -> None:
        first = self.hours[0] * 3600 + self.minutes[0] * 60 + self.seconds[0]
        last = self.hours[-1] * 3600 + self.minutes[-1] * 60 + self.seconds[-1]
        object.__setattr__(self, "first", first)
        object.__setattr__(self, "last", last)
        object.__setattr__(self, "total", len(self.hours) * len(self.minutes) * len(self.seconds))

    def after(self, time: int) -> int | None:
        """The first time strictly after ``time`` on the same day."""
        if time >= self.last:
            return None
        return self._at_rank(self.rank(time + 1))

    def before(self, time: int) -> int | None:
        """The last time strictly before ``time`` on the same day."""
        if time <= self.first:
            return None
        return self._at_rank(self.rank(time) - 1)

    def rank(self, time: int) -> int:
        """How many of the times lie strictly before ``time``."""
        minute_of_day, second = divmod(time, 60)
        hour, minute = divmod(minute_of_day, 60)
        at_hour = bisect_left(self.hours, hour)
        if at_hour == len(self.hours) or self.hours[at_hour] != hour:
            return at_hour * len(self.minutes) * len(self.seconds)
        at_minute = bisect_left(self.minutes, minute)
        rank = (at_hour * len(self.minutes) + at_minute) * len(self.seconds)
        if at_minute == len(self.minutes) or self.minutes[at_minute] != minute:
            return rank
        return rank + bisect_left(self.seconds, second)

    def _at_rank(self, rank: int) -> int:
        rank, at_second = divmod(rank, len(self.seconds))
        at_hour, at_minute = divmod(rank, len(self.minutes))
        return self.hours[at_hour] * 3600 + self.minutes[at_minute] * 60 + self.seconds[at_second]
