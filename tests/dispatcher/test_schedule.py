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
