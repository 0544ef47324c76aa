"""Planted errors in what people are told."""

from __future__ import annotations

from crony_ops.model.cluster import Health
from tests.faults.proof.history import Kind, Write
from tests.unit.proof import losses, sound
from tests.unit.proof.planted import Planted, plant
from tests.unit.proof.story import T

RULE = "every alert is made once"


@plant
def an_alert_made_twice() -> Planted:
    story = sound.failing()
    first = next(one for one in story.writes if one.key.startswith(story.keys.alerts))
    story.write((first.key, None, 0))
    again = story.write((first.key, (first.value or "").encode(), 0))[0]
    return Planted(story.history(), RULE, [first, again])


@plant
def a_failover_that_nobody_was_told_of() -> Planted:
    story = sound.quiet()
    lost = losses.dead(story)
    begun = story.last(story.keys.failover(lost.node, lost.incarnation))
    losses.move(story, "j", "node-1", "node-2")
    closed = losses.close(story, lost)
    sound.catch_up(story, 4, 6)
    story.register("node-1")
    return Planted(story.history(), RULE, [begun, closed])


@plant
def a_failure_that_nobody_was_told_of() -> Planted:
    story = sound.begun()
    run = story.claim("j", T + 1, "node-1")
    story.until(1.02)
    story.act("start", run, "node-1")
    story.end(run, "failed", losses.news(story, run, "failed"))
    health = losses.heard(story, run, failing=True)[0]
    return Planted(story.history(), RULE, [health])


@plant
def an_end_that_was_no_news() -> Planted:
    story = sound.begun()
    run = story.begin("j", T + 1, "node-1")
    stands = (story.keys.run("j", run.run_id), story.record(run, "failed"), 0)
    end = story.write(stands, (story.open_key(run), None, 0))[0]
    return Planted(story.history(), RULE, [end])


@plant
def a_gap_that_was_no_news() -> Planted:
    story = sound.quiet(2)
    story.until(6.2)
    story.fault(Kind.delay, "etcd-1")
    gap = losses.missed(story, "j", "node-1", T + 3, T + 6, 4)
    told = next(w for w in story.writes if w.revision == gap.revision and "/news/" in w.key)
    heard = story.last(told.key)
    for one in (told, heard):
        story.writes.remove(one)
    return Planted(story.history(), RULE, [gap])


@plant
def failures_of_which_nothing_is_noted() -> Planted:
    """The second in a row is the one to tell of."""
    story, told = sound.begun(notify={"after": 2}), list[Write]()
    for tick in (1, 2):
        told.append(losses.failed(story, tick, Health(consecutive_failures=tick)))
    return Planted(story.history(), RULE, told)


@plant
def a_failover_that_was_never_closed() -> Planted:
    story = sound.quiet()
    lost = losses.dead(story)
    begun = story.last(story.keys.failover(lost.node, lost.incarnation))
    losses.move(story, "j", "node-1", "node-2")
    sound.catch_up(story, 4, 6)
    story.register("node-1")
    story.pause("j")
    story.wait(70)
    return Planted(story.history(), RULE, [begun])


@plant
def news_that_were_taken_away_unheard() -> Planted:
    story = sound.begun()
    run = story.claim("j", T + 1, "node-1")
    story.until(1.02)
    story.act("start", run, "node-1")
    story.end(run, "failed", losses.news(story, run, "failed"))
    news = story.there[story.keys.news("j", run.run_id)]
    gone = story.write((news.key, None, 0))[0]
    return Planted(story.history(), RULE, [news, gone])
