"""The endpoints of converge.yml, as the oracle calls them."""

import contextlib
from pathlib import Path

from host import run

WITH_TOKEN = ["Authorization: Bearer a-secret-of-the-test", "Idempotency-Key: {word}"]

ENDPOINTS = {
    "plain": {"port": 3000},
    "rich": {"port": 3001, "fields": WITH_TOKEN, "body": b"x" * 100_000},  # more than is held in memory
    "timed": {"port": 3002, "fields": WITH_TOKEN},
    "large": {"port": 3003},
    "frail": {"port": 3004},
    "held": {"port": 3005},
    "brief": {"port": 3006},
}
SLOW = Path("/run/slow")  # as long as it is there, no job ends


@contextlib.contextmanager
def paused(name):
    """Let requests wait. One that is being run may go on."""
    run("triggerctl", "pause", name)
    try:
        yield
    finally:
        run("triggerctl", "resume", name)


@contextlib.contextmanager
def slow():
    """Let no job end before this does."""
    SLOW.touch()
    try:
        yield
    finally:
        SLOW.unlink()
