"""Asks a port again and again, each time over a new connection, until SIGTERM; then writes down what happened."""

import json
import signal
import sys

from host import exchange, status

port, result = int(sys.argv[1]), sys.argv[2]
seen = {"answers": 0, "errors": []}


def end(*_):
    with open(result, "w") as file:
        json.dump(seen, file)
    sys.exit(0)


signal.signal(signal.SIGTERM, end)
while True:
    try:
        code = status(exchange(port))
    except OSError as error:
        seen["errors"].append(repr(error))
    else:
        seen["answers"] += 1
        if code not in (200, 503):
            seen["errors"].append(code)
