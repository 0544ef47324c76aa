"""The judgement of a soak: what grows is told, and what only moves is not."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest

from tests.faults.proof.history import Kind
from tests.faults.proof.soak.__main__ import tell
from tests.faults.proof.soak.growth import Measure, Series, TooShort, judge
from tests.faults.proof.soak.load import even_load
from tests.faults.proof.soak.plot import BARS, WIDTH, plot, sparkline

HALF_AN_HOUR = 1800
WARM_UP = 600
MEMORY = Measure("memory", " MiB", per_hour=8, least=1)
NOISE = random.Random(1)


def series(value: Callable[[float], float], lasts: float = HALF_AN_HOUR) -> Series:
    """``value`` at each time, in seconds, every five of them."""
    points = [(5.0 * n, value(5.0 * n)) for n in range(int(lasts / 5))]
    return Series("node-3", MEMORY, points)


def stairs(height: float, each: float) -> Callable[[float], float]:
    return lambda at: 60 + height * math.floor(at / each)


def step(height: float, when: float) -> Callable[[float], float]:
    return lambda at: 60 + height * (at >= when)


def sawtooth(height: float, each: float, rise: float = 0.0) -> Callable[[float], float]:
    return lambda at: 60 + height * (at % each) / each + rise * at / 3600


GROWING: dict[str, Callable[[float], float]] = {
    "a line": lambda at: 60 + 12 * at / 3600,
    "a noisy line": lambda at: 60 + 12 * at / 3600 + NOISE.gauss(0, 0.5),
    "a curve": lambda at: 1000 + 400 * (at / 3600) ** 2,
    "high stairs": stairs(1, 300),
    "low stairs": stairs(0.25, 60),
    "a sawtooth that rises": sawtooth(5, 20, rise=12),
    "a wide sawtooth that rises": sawtooth(5, 300, rise=16),
}
FLAT: dict[str, Callable[[float], float]] = {
    "a line": lambda _: 60,
    "a rise within the bound": lambda at: 60 + 7.5 * at / 3600,
    "a fall": lambda at: 80 - 20 * at / 3600,
    "noise": lambda _: 60 + NOISE.gauss(0, 2),
    "a wave": lambda at: 60 + 10 * math.sin(at / 100),
    "a warm-up": lambda at: 60 + min(at, WARM_UP) / 10,
    "an end of the warm-up": lambda at: 60 + 4 * (1 - math.exp(-at / 300)),
    "a sawtooth": sawtooth(5, 20),
    "a wide sawtooth": sawtooth(5, 300),
    "two teeth": sawtooth(8, WARM_UP),
    **{f"a step at {at}": step(5, at) for at in (300, 700, 900, 1200, 1500, 1700)},
}


@pytest.mark.parametrize("value", GROWING.values(), ids=GROWING)
def test_what_grows_is_told(value: Callable[[float], float]) -> None:
    assert judge(series(value), WARM_UP).grows


@pytest.mark.parametrize("value", FLAT.values(), ids=FLAT)
def test_what_only_moves_is_not_told(value: Callable[[float], float]) -> None:
    assert not judge(series(value), WARM_UP).grows


def test_a_rise_that_is_steep_and_small_is_noise() -> None:
    """As a minute's soak may show it."""
    rise = series(lambda at: 60 + 30 * at / 3600, lasts=90)
    assert not judge(rise, 30).grows


def test_growth_is_told_in_words() -> None:
    growing = judge(series(lambda at: 60 + 12 * at / 3600), WARM_UP)
    assert str(growing) == "node-3's memory grows by 12.0 MiB an hour"
    assert growing.slope == pytest.approx(12)
    assert (growing.start, growing.end) == pytest.approx((62.2, 65.8), abs=0.1)
    assert str(judge(series(lambda _: 60), WARM_UP)) == "node-3's memory does not grow"


def test_of_a_few_points_nothing_is_told() -> None:
    with pytest.raises(TooShort, match="7 points behind the warm-up are fewer than 8"):
        judge(series(lambda _: 60, lasts=75), 40)


def test_a_row_shows_the_course_and_its_figures() -> None:
    rising, flat = series(lambda at: 60 + 24 * at / 3600), series(lambda _: 1000)
    [row] = plot([judge(rising, WARM_UP)]).splitlines()
    words = row.split()
    assert words[:2] == ["node-3", "memory"]
    assert len(words[2]) == WIDTH
    assert "".join(dict.fromkeys(words[2])) == BARS
    assert " ".join(words[3:]) == "64.4 → 71.6 MiB +24.0 an hour GROWS"
    [row] = plot([judge(flat, WARM_UP)]).splitlines()
    assert " ".join(row.split()[3:]) == "1,000.0 → 1,000.0 MiB +0.0 an hour"


def test_noise_is_drawn_low_and_little_is_drawn_short() -> None:
    assert sparkline([1, 2, 3], least=1) == "▁▅█"
    assert sparkline([1, 1.1, 1], least=2) == "▁▁▁"
    assert len(sparkline(range(1000), least=1)) == WIDTH


def test_the_exit_status_tells_whether_something_grows(capfd: pytest.CaptureFixture[str]) -> None:
    rising, flat = series(lambda at: 60 + 24 * at / 3600), series(lambda _: 60)
    assert tell([flat], WARM_UP) == 0
    assert tell([flat, rising], WARM_UP) == 1
    told = capfd.readouterr().out
    assert "\nnothing grows\n" in told
    assert "\nnode-3's memory grows by 24.0 MiB an hour\n" in told


def test_the_load_is_even_and_harms_nothing() -> None:
    steps = even_load(300)
    assert steps == sorted(steps, key=lambda step: step.at)
    assert all(step.at > 0 and step.until <= 300 for step in steps)
    minutes = [
        sorted(step.kind for step in steps if begin < step.at <= begin + 60)
        for begin in range(0, 240, 60)
    ]
    assert all(minute == minutes[0] for minute in minutes)
    kinds = {step.kind for step in steps}
    assert kinds == {Kind.sync, Kind.run, Kind.kill_run, Kind.pause}
