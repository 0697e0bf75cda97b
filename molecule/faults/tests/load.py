"""Asks endpoints again and again until it is stopped, by whatever; what it was told stands in files.

usage: load.py FAULT. As a service of Type=notify it is ready when each endpoint has answered some times.
"""

import os
import socket
import sys
import threading
import time
from pathlib import Path

from endpoints import ENDPOINTS, SLOW
from oracle import Oracle

NAMES = ("plain", "rich")
ENOUGH = 5


def notes(name):
    """Where it stands what clients of an endpoint were told."""
    return Path(f"/root/told-{name}")


def ask(oracle):
    while True:
        oracle.ask()
        time.sleep(0.2)


def main(fault):
    SLOW.touch()  # so that the first job is under way when it ends; a boot takes it away
    oracles = [Oracle(fault, name, **ENDPOINTS[name], notes=notes(name)) for name in NAMES]
    for oracle in oracles:
        threading.Thread(target=ask, args=[oracle], daemon=True).start()
    while any(len(oracle.told) < ENOUGH for oracle in oracles):
        time.sleep(0.05)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.connect(os.environ["NOTIFY_SOCKET"])
        systemd.send(b"READY=1")
    threading.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1])
