"""Calls a port again and again with the token that stands in a file, until SIGTERM; then writes down what happened."""

import json
import signal
import sys
from pathlib import Path

from callers import bearer, request
from host import exchange, status

port, token, result = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
seen = {"answers": {}, "errors": []}


def end(*_):
    with open(result, "w") as file:
        json.dump(seen, file)
    sys.exit(0)


signal.signal(signal.SIGTERM, end)
while True:
    secret = token.read_text()
    try:
        code = status(exchange(port, request(fields=[bearer(secret)])))
    except (OSError, AssertionError) as error:
        seen["errors"].append(repr(error))
    else:
        seen["answers"][secret] = seen["answers"].get(secret, 0) + 1
        if code != 200:
            seen["errors"].append(code)
