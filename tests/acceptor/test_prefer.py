"""`Prefer: wait`: how long a client asks to wait, and how long it may."""

import pytest
import role
from hypothesis import given
from hypothesis import strategies as st
from message import message, parse

from trigger.acceptor import prefer as preferences


def request(**fields):
    return parse(message(fields))[0]


@pytest.mark.parametrize(
    ("prefer", "expected"),
    [
        (None, (30.0, None)),
        ("", (30.0, None)),
        ("wait=10", (10.0, "wait=10")),
        ("Wait = 10", (10.0, "wait=10")),
        ('wait="10"', (10.0, "wait=10")),
        ("wait=10; q=1", (10.0, "wait=10")),
        ("handling=lenient, wait=10", (10.0, "wait=10")),
        ("wait=10, wait=20", (10.0, "wait=10")),
        ("wait=3600", (30.0, "wait=30")),
        ("wait=0", (0.0, "wait=0")),
        ("wait", (30.0, None)),
        ("wait=-1", (30.0, None)),
        ("wait=1.5", (30.0, None)),
        ("wait=1e9", (30.0, None)),
        ("wait=9999999999999999", (30.0, None)),
        ("respond-async", (0.0, "respond-async")),
        ("RESPOND-ASYNC", (0.0, "respond-async")),
        ("respond-async, wait=10", (10.0, "wait=10")),
        ("respond-asynchronously", (30.0, None)),
        (", ,,", (30.0, None)),
    ],
)
def test_how_long_a_client_waits(prefer, expected):
    fields = {} if prefer is None else {"Prefer": prefer}
    assert preferences.waiting_time(role.endpoint(wait="30s"), request(**fields)) == expected


@pytest.mark.parametrize(
    ("prefer", "expected"),
    [
        ("", (30.0, None)),
        ("wait=0", (0.0, None)),
        ("wait=10", (10.0, None)),
        ("respond-async", (0.0, "respond-async")),
        ("wait=10, respond-async", (0.0, "respond-async")),
    ],
)
def test_of_a_stream_a_client_wishes_that_it_does_not_come(prefer, expected):
    """Who gets none, since a signed delivery comes again, waits no longer than he wants."""
    assert preferences.waiting_time(role.endpoint(stream=True, wait="30s"), request(Prefer=prefer)) == expected
    without = preferences.waiting_time(role.endpoint(stream=True), request(Prefer=prefer))
    assert without == (0.0, expected[1])


@given(st.binary(max_size=60))
def test_any_preference_keeps_the_bound(prefer):
    asked = request()
    asked.fields[b"prefer"] = prefer
    seconds, granted = preferences.waiting_time(role.endpoint(wait="30s"), asked)
    assert 0 <= seconds <= 30
    assert granted is None or granted in ("respond-async", f"wait={seconds:.0f}")
