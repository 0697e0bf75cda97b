"""Who guesses waits longer for each answer, and nobody else does."""

import asyncio
import select
import subprocess
import time

from callers import PORTS, SECRETS, bearer, nothing_starts, request
from host import connect, exchange, is_active, read_all, request_id, run, status

PORT = PORTS["guessed"]
WRONG = request(fields=[bearer("not-the-secret-at-all")])
RIGHT = request(fields=[bearer(SECRETS["token"])])
GUESSER, OTHER = "127.0.0.1", "127.0.0.2"


def forget():
    """The acceptor takes its memory of failures with it."""
    run("systemctl", "stop", "trigger@guessed.service")


def guess():
    """Guess, and return how long the answer took."""
    started = time.monotonic()
    assert status(exchange(PORT, WRONG, GUESSER)) == 401
    return time.monotonic() - started


def test_each_failure_waits_longer_and_nobody_else():
    """While the sixth guess waits, right requests of the guesser and of others are answered."""
    forget()
    with nothing_starts("guessed"):
        waited = [guess() for _ in range(5)]
    started = time.monotonic()
    with connect(PORT, GUESSER) as client:
        client.sendall(WRONG)
        for source in (GUESSER, OTHER):
            request_id(exchange(PORT, RIGHT, source))
        assert status(exchange(PORT, WRONG, OTHER)) == 401
        # All that, and the guess is not answered yet.
        assert select.select([client], [], [], 0)[0] == []
        assert status(read_all(client)) == 401
    waited.append(time.monotonic() - started)
    print(waited)
    assert waited[2] < waited[3] < waited[4] < waited[5]
    assert 1 < waited[5] < 2.5


def test_no_failure_waits_for_ever_and_none_for_an_acceptor_that_is_stopped():
    """As a change of the endpoint stops it: the answer is not lost, and the change does not wait for guessers."""
    waited = 0
    while waited < 1.8:
        waited = guess()
        assert waited < 2.5
    with connect(PORT, GUESSER) as client:
        client.sendall(WRONG)
        request_id(exchange(PORT, RIGHT, OTHER))  # so the guess has been read
        started = time.monotonic()
        stopping = subprocess.Popen(["systemctl", "stop", "trigger@guessed.service"], stderr=subprocess.DEVNULL)
        assert status(read_all(client)) == 401
        assert time.monotonic() - started < 1.5
    assert stopping.wait(30) == 0
    assert is_active("trigger@guessed.socket")


def test_six_hundred_guesses_at_once_do_not_hold_up_a_right_request():
    """They are more than the connections that an acceptor reads from at the same time, and come first."""
    forget()
    finished = []

    async def one(message):
        reader, writer = await asyncio.open_connection("127.0.0.1", PORT, local_addr=(GUESSER, 0))
        writer.write(message)
        finished.append(status(await reader.read()))
        writer.close()

    async def everyone():
        await asyncio.gather(*(one(WRONG) for _ in range(600)), one(RIGHT))

    asyncio.run(everyone())
    before = finished.index(200)
    print(before, "guesses were answered before the right request")
    assert before < 100
    assert finished.count(401) == 600
