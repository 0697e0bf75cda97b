"""trigger-fire@NAME.service: how often it fires, and as what."""

import pytest

from trigger.ctl.fire_unit import reasons

DONE = 1000  # when it was done the last time
TIMER, UNIT = ("schedule", []), ("unit", [])


def found(*looks):
    """The reasons, where each look finds when the timer has elapsed last, and hops; later ones find nothing new."""
    elapsed = [look[0] for look in looks]
    hops = [look[1] for look in looks]

    def next_of(values, default):
        return values.pop(0) if values else default

    last = elapsed[-1]
    return list(reasons(DONE, lambda: next_of(elapsed, last), lambda: next_of(hops, [])))


@pytest.mark.parametrize("elapsed", [0, 900, DONE])
def test_who_has_started_it_otherwise_fires_once(elapsed):
    assert found((elapsed, [])) == [UNIT]


def test_an_endpoint_that_has_ended_is_told():
    assert found((900, ["a", "b"])) == [("unit", ["a", "b"])]


def test_the_timer_fires_once():
    assert found((1001, [])) == [TIMER]


def test_both_at_once_are_two():
    assert found((1001, ["a"])) == [TIMER, ("unit", ["a"])]


def test_what_comes_while_it_is_at_work_is_not_lost():
    assert found((900, []), (1001, [])) == [UNIT, TIMER]
    assert found((1001, []), (1002, ["a"]), (1002, ["b"])) == [TIMER, TIMER, ("unit", ["a"]), ("unit", ["b"])]
