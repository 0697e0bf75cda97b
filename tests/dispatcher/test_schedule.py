"""When a request has its turn."""

import pytest
import role

from trigger.dispatcher import schedule


@pytest.mark.parametrize(
    ("stamps", "now", "expected"),
    [
        ([], 100, 0),
        ([100], 100, 10),
        ([100], 109, 1),
        ([100], 110, 0),
        ([100], 115, -5),
        ([100, 108], 110, 8),
        ([100, 119, 128], 129, 1),
        ([100, 129], 129, 1),
        ([100, 200], 200, -70),
    ],
)
def test_when_a_quiet_time_is_over(stamps, now, expected):
    settings = role.endpoint(debounce="10s", debounce_max="30s")
    assert schedule.quiet_in(settings, stamps, now) == expected


NOW = 100.0


def decided(**seen):
    base = {
        "waits": False,
        "quiet_at": NOW,
        "exclusive": False,
        "locked": False,
        "runner": schedule.NONE,
        "hindered": False,
        "look_at": NOW + 0.5,
        "retry_at": 0,
        "keep_until": NOW,
        "stay_until": NOW,
    }
    return schedule.decide(schedule.Seen(**{**base, **seen}), NOW)


@pytest.mark.parametrize(
    ("seen", "step", "seconds"),
    [
        # Nothing to do.
        ({}, schedule.LEAVE, 0),
        ({"stay_until": NOW + 1}, schedule.WAIT, 1),
        ({"runner": schedule.IDLE, "keep_until": NOW + 3}, schedule.WAIT, 3),
        ({"runner": schedule.IDLE}, schedule.DISMISS, 0),
        ({"runner": schedule.ASKED}, schedule.DISMISS, 0),
        ({"runner": schedule.ASKED, "hindered": True, "keep_until": NOW + 3}, schedule.DISMISS, 0),
        ({"locked": True, "runner": schedule.IDLE}, schedule.RELEASE_LOCK, 0),
        # A request waits.
        ({"waits": True}, schedule.CONNECT, 0),
        ({"waits": True, "retry_at": NOW + 1}, schedule.WAIT, 1),
        ({"waits": True, "runner": schedule.ASKED}, schedule.WAIT, 0.5),
        ({"waits": True, "runner": schedule.ASKED, "look_at": NOW - 1}, schedule.WAIT, 0),
        ({"waits": True, "runner": schedule.IDLE}, schedule.CLAIM, 0),
        ({"waits": True, "runner": schedule.STALE}, schedule.DISMISS, 0),
        # debounce
        ({"waits": True, "quiet_at": NOW + 2}, schedule.WAIT, 2),
        ({"waits": True, "quiet_at": NOW + 2, "runner": schedule.IDLE, "keep_until": NOW + 9}, schedule.WAIT, 2),
        ({"waits": True, "quiet_at": NOW + 2, "runner": schedule.IDLE}, schedule.DISMISS, 0),
        # and nobody else has to wait for the quiet time
        ({"waits": True, "quiet_at": NOW + 2, "exclusive": True, "locked": True}, schedule.RELEASE_LOCK, 0),
        # exclusive: first the lock, then the runner, and no claim without the lock
        ({"waits": True, "exclusive": True}, schedule.TAKE_LOCK, 0),
        ({"waits": True, "exclusive": True, "locked": True}, schedule.CONNECT, 0),
        ({"waits": True, "exclusive": True, "runner": schedule.IDLE}, schedule.TAKE_LOCK, 0),
        ({"waits": True, "exclusive": True, "locked": True, "runner": schedule.IDLE}, schedule.CLAIM, 0),
        # of a job that cannot start others need not wait for the repair
        ({"waits": True, "exclusive": True, "locked": True, "hindered": True}, schedule.RELEASE_LOCK, 0),
        ({"waits": True, "exclusive": True, "hindered": True}, schedule.CONNECT, 0),
        (
            {"waits": True, "exclusive": True, "hindered": True, "runner": schedule.ASKED},
            schedule.WAIT,
            0.5,
        ),
    ],
)
def test_the_next_step(seen, step, seconds):
    assert decided(**seen) == (step, seconds)


def test_one_run_serves_those_that_ask_for_the_same():
    asked = {"a": 1, "b": 2, "c": 1}
    waiting = list(asked)
    assert schedule.batch(role.endpoint(when_busy="queue"), waiting, asked.get) == ["a"]
    assert schedule.batch(role.endpoint(), waiting, asked.get) == waiting
    settings = role.endpoint(parameters=[{"name": "x", "from": ["query:x"]}])
    assert schedule.batch(settings, waiting, asked.get) == ["a", "c"]
