"""Starts runs of `steady` on all hosts, over new connections, until SIGTERM; then writes down what happened."""

import hashlib
import json
import signal
import sys
import threading

import front

seen = {host: {"accepted": [], "errors": [], "certificates": []} for host in front.HOSTS}
ending = threading.Event()


def call(host):
    noted = seen[host]
    while not ending.wait(0.02):
        try:
            # Not checked: one of them is made anew meanwhile.
            connection = front.http.client.HTTPSConnection(f"{host}.test", timeout=30, context=front.BLIND)
            connection.connect()
            certificate = hashlib.sha256(connection.sock.getpeercert(True)).hexdigest()
            connection.request("POST", "/steady/", headers={**front.basic("bob"), "Connection": "close"})
            answer = connection.getresponse()
            answer.read()
            connection.close()
        except (OSError, front.http.client.HTTPException) as error:
            noted["errors"].append(repr(error))
            continue
        if certificate not in noted["certificates"]:
            noted["certificates"].append(certificate)
        if answer.status == 200:
            noted["accepted"].append(answer.headers["X-Request-Id"])
        else:
            noted["errors"].append(answer.status)


signal.signal(signal.SIGTERM, lambda *_: ending.set())
callers = [threading.Thread(target=call, args=[host]) for host in front.HOSTS for _ in range(2)]
for caller in callers:
    caller.start()
for caller in callers:
    caller.join()
with open(sys.argv[1], "w") as file:
    json.dump(seen, file)
