"""Clients that call from within the host, each again and again over a new connection, until SIGTERM. Then what each was
told is written down.

usage: systemd-run --unit=load python3 load.py FILE PORT…        a client for each PORT
"""

import json
import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path

from host import exchange, field, records, run, status, wait_until_served

FILE = Path("/root/load.json")
CALLS = 20000  # at most, of each client
PAUSE = 0.01  # seconds between two of them


def stop():
    """Let the clients end. Returns their calls in order, list of dicts: `port`, `began` and `ended`, seconds since the
    epoch, and either `status` and `id` or `error`."""
    run("systemctl", "stop", "load.service")
    calls = json.loads(FILE.read_text())
    FILE.unlink()
    return calls


def unserved(name, ids):
    """Those of the ids, list of str, that stand in no record of an endpoint, or in more than one. Waits until nothing
    is pending there."""
    wait_until_served(name)
    served = Counter(request for record in records(name) for request in record["requests"])
    return [request for request in ids if served[request] != 1]


def _call(port):
    call = {"port": port, "began": time.time()}
    try:
        answer = exchange(port)
        call.update(status=status(answer), id=field(answer, "X-Request-Id"))
    except (OSError, AssertionError) as error:
        call["error"] = repr(error)
    call["ended"] = time.time()
    return call


def _client(port, calls, ending):
    for _ in range(CALLS):
        calls.append(_call(port))
        if ending.wait(PAUSE):
            return


def main(file, *ports):
    calls, ending = [], threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    clients = [threading.Thread(target=_client, args=(int(port), calls, ending)) for port in ports]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    Path(file).write_text(json.dumps(sorted(calls, key=lambda call: call["began"])))


if __name__ == "__main__":
    main(*sys.argv[1:])
