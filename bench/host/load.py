"""Clients that come again as soon as they are answered, for as long as one likes, by wrk."""

import json
import subprocess
import tempfile

import peers
from clients import ask
from crowds import Before

CONNECTIONS = 32
SIGNED_PER_SECOND = 3000  # requests that wrk finds signed; more than any peer takes


def loads(seconds):
    """What each peer bears. webhook and nginx keep a connection for the next request, the others close it, so webhook
    is asked in both ways."""
    found = {peer.label: load(peer, seconds) for peer in (peers.FLOOR, peers.RECIPE, *peers.WARM)}
    found["webhook-close"] = load(peers.RUNNING[0], seconds, "-H", "Connection: close")
    return found


def load(peer, seconds, *options):
    ask(peer)  # its runner may have been let go since it was measured last
    peers.wait_for_rest([peer])
    before = Before(peer)
    url = f"{'https' if peer.tls else 'http'}://127.0.0.1:{peer.port}{peer.path}"
    fields = [part for line in (f"Host: {peer.host}", *peer.fields.splitlines()) for part in ("-H", line)]
    script = ["--timeout", "30s", "-s", "/opt/bench/load.lua"]
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", *script, *fields, *options, url, "--", peer.method]
    with tempfile.NamedTemporaryFile("w") as turns:
        if peer.signed:
            write_signed(turns, seconds * SIGNED_PER_SECOND)
            command.append(turns.name)
        told = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.decode()
    result = json.loads(told.rpartition("\nresult ")[2])
    if peer.log:
        # Those that are under way when wrk leaves are run, too.
        before.wait_for(result["requests"] - result["errors"]["refused"])
        runs, ran = before.later()
        result.update(runs=runs, ran=len(ran), run_twice=len(ran) - len(set(ran)) if peer.spool else None)
    return result


def write_signed(file, count):
    for _ in range(count):
        fields, body = peers.signed_push(next(peers.COUNTER))
        file.write(fields.rpartition("X-Hub-Signature-256: ")[2].strip() + "\n" + body.decode() + "\n")
    file.flush()
