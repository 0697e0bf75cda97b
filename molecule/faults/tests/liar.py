"""A runner that lies: what a job could do in the place of its own, which is the same user. usage: liar.py WAY"""

import os
import select
import socket
import sys
import time

sys.path.insert(0, "/usr/local/lib/trigger/current")

from trigger import run_protocol
from trigger.run_protocol import BEGAN, ENDED, IDLE, Message

INVOCATION = os.environ["INVOCATION_ID"]
ANOTHER = "f" * 32


def main(way):
    listener = socket.socket(fileno=3)
    peer, _ = listener.accept()
    run_protocol.send(peer, Message(IDLE, invocation=ANOTHER if way == "another activation" else INVOCATION))
    message, handed = run_protocol.receive_run(peer)
    if message is None or message.kind != run_protocol.RUN:
        return

    def say(kind, run=message.run_id, **more):
        run_protocol.send(peer, Message(kind, run, INVOCATION, **more))

    if way == "another activation":  # nobody should have listened so far
        say(BEGAN, since=time.monotonic_ns() // 1000)
        say(ENDED, code=run_protocol.EXITED, status=7)
    elif way == "idle again":
        say(IDLE)
    elif way == "another run":
        say(BEGAN, run="01a22629-dd48-7bdd-80a8-724a32807fd5")
    elif way == "no message":
        peer.send(b"hello")
    elif way == "silence":
        time.sleep(3600)
    elif way == "later":
        say(BEGAN, since=2**64 - 1)
        time.sleep(3600)
    elif way == "an odd end":
        say(BEGAN, since=time.monotonic_ns() // 1000)
        say(ENDED, code=77, status=-5)
    elif way == "a flood":
        say(BEGAN, since=time.monotonic_ns() // 1000)
        while True:
            try:
                say(BEGAN)
            except BlockingIOError:
                select.select([], [peer], [])
            except OSError:
                print("cut off", flush=True)
                time.sleep(3600)
    elif way == "a flood of bytes":
        say(BEGAN, since=time.monotonic_ns() // 1000)
        fifo = handed[3]
        while True:
            write_until_full(fifo)
            print("full", flush=True)
            select.select([], [fifo], [])
    elif way == "its end, to everybody":
        say(BEGAN, since=time.monotonic_ns() // 1000)
        say(ENDED, code=run_protocol.EXITED, status=0)
        while True:
            peer, _ = listener.accept()
            print("asked", flush=True)
            say(ENDED, code=run_protocol.EXITED, status=0)
    time.sleep(0.2)


def write_until_full(fifo):
    try:
        while True:
            os.write(fifo, b"\n")
    except BlockingIOError:
        pass


main(sys.argv[1])
