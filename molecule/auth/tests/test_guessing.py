"""Who guesses waits longer for each answer, and nobody else does."""

import asyncio
import contextlib
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
    for _ in range(5):  # on a machine that is busy just then a try says nothing
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
            is_answered = bool(select.select([client], [], [], 0)[0])
            assert status(read_all(client)) == 401
        waited.append(time.monotonic() - started)
        print(waited)
        # No less; how much more depends on the machine.
        assert all(seconds >= delay for seconds, delay in zip(waited, (0, 0.1, 0.2, 0.4, 0.8, 1.6)))
        if not is_answered:
            break
    assert not is_answered


def test_more_guesses_than_wait_for_their_answer():
    """Those past it are closed, and none is told sooner; a right request of the same address is answered."""
    forget()
    exchange(PORT, WRONG, GUESSER)
    with contextlib.ExitStack() as stack:
        begun = time.monotonic()
        guessers = [stack.enter_context(connect(PORT, GUESSER)) for _ in range(1500)]
        for client in guessers:
            client.sendall(WRONG)
        request_id(exchange(PORT, RIGHT, GUESSER))
        ends = []
        for client in guessers:
            answer = read_all(client)
            ends.append((answer and status(answer), time.monotonic() - begun))
    assert {end for end, _ in ends} <= {401, b""}
    told = [seconds for end, seconds in ends if end == 401]
    print(len(told), "were told")
    assert told
    # The first few of them were delayed by less than two seconds, the others by that.
    assert sum(seconds < 2 for seconds in told) < 10


def test_no_failure_waits_for_ever_and_none_for_an_acceptor_that_is_stopped():
    """As a change of the endpoint stops it: the answer is not lost, and the change does not wait for guessers."""
    forget()
    for _ in range(8):
        guess()
    assert guess() >= 2  # and it has come
    waited = []
    for _ in range(5):  # on a machine that is busy just then a try says nothing
        while guess() < 2:
            pass
        with connect(PORT, GUESSER) as client:
            client.sendall(WRONG)
            request_id(exchange(PORT, RIGHT, OTHER))  # so the guess has been read
            started = time.monotonic()
            stopping = subprocess.Popen(["systemctl", "stop", "trigger@guessed.service"], stderr=subprocess.DEVNULL)
            assert status(read_all(client)) == 401
            waited.append(time.monotonic() - started)
        assert stopping.wait(30) == 0
        assert is_active("trigger@guessed.socket")
        if waited[-1] < 1.5:
            break
    print(waited)
    assert min(waited) < 1.5


def test_six_hundred_guesses_at_once_do_not_hold_up_a_right_request():
    """They are more than the connections that an acceptor reads from at the same time, and come first."""
    finished = []

    async def one(message):
        reader, writer = await asyncio.open_connection("127.0.0.1", PORT, local_addr=(GUESSER, 0))
        writer.write(message)
        finished.append(status(await reader.read()))
        writer.close()

    async def everyone():
        await asyncio.gather(*(one(WRONG) for _ in range(600)), one(RIGHT))

    for _ in range(5):  # on a machine that is busy just then a try says nothing
        forget()
        finished.clear()
        asyncio.run(everyone())
        assert finished.count(401) == 600
        before = finished.index(200)
        print(before, "guesses were answered before the right request")
        if before < 100:
            break
    assert before < 100
