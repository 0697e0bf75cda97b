"""The calendar of an endpoint: its timer, and what systemd says of it."""

import front
import pytest
from ansible.module_utils.trigger_systemd import verify, why_no_time

from trigger_endpoints import host

SCHEDULE = {"on_calendar": ["Mon..Fri 06:30", "*-*-01 03:00 Europe/Berlin"]}
TIMER = "/etc/systemd/system/trigger-fire@a.timer"
SERVICE = "/etc/systemd/system/trigger-fire@.service"


def timer(**keys):
    """The lines of the timer of an endpoint, or None."""
    found = front.files(front.endpoint(name="a", **keys), front=False)
    return found[TIMER]["content"].splitlines() if TIMER in found else None


@pytest.mark.parametrize("keys", [{}, {"schedule": None}, {"schedule": SCHEDULE, "state": "disabled"}])
def test_without_a_schedule_there_is_no_timer(keys):
    assert timer(**keys) is None


def test_a_timer_says_what_its_schedule_says():
    lines = timer(schedule=SCHEDULE)
    times = [line.partition("=")[2] for line in lines if line.startswith("OnCalendar=")]
    assert times == SCHEDULE["on_calendar"]
    assert not any(line.startswith(("Persistent", "RandomizedDelay")) for line in lines)
    lines = timer(schedule={**SCHEDULE, "persistent": True, "randomized_delay": "1h 5min"})
    assert {"Persistent=yes", "RandomizedDelaySec=1h 5min"} <= {*lines}


def test_systemd_takes_the_units(tmp_path):
    renderer = front.make_renderer(None)
    units = {
        path: file["content"]
        for path, file in front.files(front.endpoint(name="a", schedule=SCHEDULE), front=False).items()
    }
    (tmp_path / "etc/systemd/system").mkdir(parents=True)
    (tmp_path / TIMER[1:]).write_text(units[TIMER])
    (tmp_path / SERVICE[1:]).write_bytes(renderer.render("etc/systemd/system/trigger-fire@.service"))
    found = verify(str(tmp_path), [host.names.Units("a").timer, host.names.Units("a").fire])
    assert [message for _, _, message in found if "python3" not in message] == []


def test_systemd_says_which_expression_it_does_not_understand():
    assert all(why_no_time(expression) is None for expression in SCHEDULE["on_calendar"])
    assert "Invalid argument" in why_no_time("Mon..Foo 06:30")
    # Behind what is wrong systemd may have a hint about something else.
    assert why_no_time("2h") == "Invalid argument"
    assert why_no_time("2026-13-01") is not None
