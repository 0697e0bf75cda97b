"""Asks for the sites that the hosts serve beside the front door, over new connections, until SIGTERM; then writes down
what it saw."""

import http.client
import json
import signal
import ssl
import sys
import threading
import time

from front import BLIND, HOSTS

TLS = ssl.create_default_context(cafile="/root/ca.pem")


def other(host):
    return f"the other site of {host}\n".encode()


# Of each: its name, how to connect, and what it must begin with.
SITES = {
    "by TLS": lambda host: (http.client.HTTPSConnection(f"other.{host}.test", timeout=20, context=TLS), other(host)),
    "on port 80": lambda host: (http.client.HTTPConnection(f"other.{host}.test", timeout=20), other(host)),
    "on its port": lambda host: (http.client.HTTPConnection(f"other.{host}.test", 8080, timeout=20), other(host)),
    # By a name that nobody has claimed, the site that was there first answers.
    "by any name, TLS": lambda host: (
        http.client.HTTPSConnection(f"unknown.{host}.test", timeout=20, context=BLIND),
        other(host),
    ),
    "by any name": lambda host: (http.client.HTTPConnection(f"unknown.{host}.test", timeout=20), b"<!DOCTYPE html>"),
}

seen = {host: {site: {"answers": 0, "errors": []} for site in SITES} for host in HOSTS}
ending = threading.Event()


def watch(host):
    while not ending.wait(0.25):
        for site, look in SITES.items():
            count = seen[host][site]
            connection, begin = look(host)
            try:
                connection.request("GET", "/", headers={"Connection": "close"})
                answer = connection.getresponse()
                body = answer.read()
            except (OSError, http.client.HTTPException) as error:
                count["errors"].append([time.time(), repr(error)])
            else:
                count["answers"] += 1
                if answer.status != 200 or not body.startswith(begin):
                    count["errors"].append([time.time(), answer.status, body[:80].decode()])
            finally:
                connection.close()


signal.signal(signal.SIGTERM, lambda *_: ending.set())
watchers = [threading.Thread(target=watch, args=[host]) for host in HOSTS]
for watcher in watchers:
    watcher.start()
for watcher in watchers:
    watcher.join()
with open(sys.argv[1], "w") as file:
    json.dump(seen, file, indent=1)
