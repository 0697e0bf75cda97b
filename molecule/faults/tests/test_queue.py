"""Many requests wait: each is run once, in order."""

import time

from endpoints import ENDPOINTS, paused
from host import spooled, wait_until
from oracle import Oracle


def fill(name, many):
    """Let so many requests wait. Returns the Oracle that has asked."""
    oracle = Oracle("many waiting", name, **{**ENDPOINTS[name], "body": b""})
    oracle.ask_often(many)
    assert [client.code for client in oracle.told] == [200] * many
    assert len(spooled(name)) >= many - 1
    return oracle


def test_one_run_for_all(is_long):
    many = 10_000 if is_long else 200
    with paused("rich"):
        oracle = fill("rich", many)
        begun = time.monotonic()
    counts = oracle.judge(300)
    print(f"{many} requests in one run: {time.monotonic() - begun:.1f} s")
    assert counts["ran"] == counts["succeeded"] == 1


def test_a_run_for_each(is_long):
    """In two halves, because each claim reads the whole queue: were that dear, the first would take longer."""
    many = 1000 if is_long else 20
    with paused("plain"):
        oracle = fill("plain", many)
        begun = time.monotonic()
    wait_until(lambda: len(spooled("plain")) <= many // 2, 1800)
    middle = time.monotonic()
    counts = oracle.judge(1800)
    halves = middle - begun, time.monotonic() - middle
    print(f"{many} requests in {many} runs: {halves[0]:.1f} s for one half, {halves[1]:.1f} s for the other")
    assert counts["ran"] == counts["succeeded"] == many
