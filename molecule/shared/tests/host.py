"""What the tests inside a container use to look at it: systemd, records and requests, all of them real."""

import asyncio
import json
import os
import resource
import socket
import subprocess
import time
from pathlib import Path

# As many clients at once as the machine allows; a shell has room for 1024 files.
FILES = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))

GET = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"


def run(*command, **options):
    """Return a command's standard output; an AssertionError with what it said if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, **options)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def property_of(unit, name):
    return run("systemctl", "show", "--value", "--property", name, unit).strip()


def is_active(unit):
    return property_of(unit, "ActiveState") == "active"


def wait_until(condition, seconds=30):
    """Wait for what `condition` returns to be true, and return it."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < deadline, f"in {seconds} s it has not come true{blame()}"
        time.sleep(0.02)


def blame():
    """What else is at fault on this machine, if anything: root's inotify instances are those of all its containers."""
    if "Result=resources" not in run("systemctl", "show", "--property", "Result", "*.path"):
        return ""
    limit = Path("/proc/sys/fs/inotify/max_user_instances").read_text().strip()
    return f"; but the machine has no inotify instance left, and path units need them: its limit is {limit}"


def connect(address, source=None):
    """address: port on 127.0.0.1, (host, port), or the path of a Unix socket. source: the client's own address,
    which may be any of 127.0.0.0/8."""
    if isinstance(address, str):
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(30)
        client.connect(address)
        return client
    target = ("127.0.0.1", address) if isinstance(address, int) else address
    return socket.create_connection(target, timeout=30, source_address=source and (source, 0))


def inode_of(port):
    """The inode of a listening socket: another one would be another socket."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        parts = line.split()
        if parts[1].endswith(f":{port:04X}") and parts[3] == "0A":
            return parts[9]
    return None


def read_all(client):
    """Read to the end; raises ConnectionResetError as a client would see it."""
    answer = b""
    while True:
        part = client.recv(65536)
        if not part:
            return answer
        answer += part


def exchange(address, message=GET, source=None):
    """Send a message and return the whole answer."""
    with connect(address, source) as client:
        client.sendall(message)
        return read_all(client)


def status(answer):
    assert answer.startswith(b"HTTP/1.1 "), answer
    return int(answer[9:12])


def field(answer, name):
    for line in answer.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]:
        key, _, value = line.partition(": ")
        if key.lower() == name.lower():
            return value
    return None


def request_id(answer):
    assert status(answer) == 200, answer
    return field(answer, "X-Request-Id")


def post(body, path="/", fields=()):
    lines = [f"POST {path} HTTP/1.1", "Host: test", f"Content-Length: {len(body)}", *fields]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def burst(port, count, message=GET):
    """`count` clients at once; each reads to the end. Returns their answers, or the error each met."""

    async def one():
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(message)
            answer = await reader.read()
            writer.close()
            return answer
        except OSError as error:
            return error

    async def everyone():
        return await asyncio.gather(*(one() for _ in range(count)))

    return asyncio.run(everyone())


def records(name):
    """The records of an endpoint's runs, oldest first."""
    found = []
    for path in sorted(Path(f"/var/lib/trigger/{name}/runs").glob("*.json")):
        try:
            found.append(json.loads(path.read_text()))
        except FileNotFoundError:
            pass  # pruned meanwhile
    return found


def record_of(name, request):
    """The record of the run that served a request, or None."""
    for record in records(name):
        if request in record["requests"]:
            return record
    return None


def wait_for_record(name, request, seconds=30):
    return wait_until(lambda: record_of(name, request), seconds)


def spooled(name):
    return [entry for entry in os.listdir(f"/var/spool/trigger/{name}") if entry[0] != "."]


def wait_until_running(name, request):
    """Wait until the job itself runs, for this request."""
    wait_until(lambda: request in os.listdir(f"/var/lib/trigger/{name}/claimed") and job_of(name))


def job_of(name):
    """The process of the job that runs, int, or None: the runner's child."""
    runner = property_of(f"trigger-run@{name}.service", "MainPID")
    try:
        children = Path(f"/proc/{runner}/task/{runner}/children").read_text().split()
    except OSError:
        return None  # it has gone
    return int(children[0]) if children else None


def is_over(unit):
    return property_of(unit, "ActiveState") in ("inactive", "failed")


def is_served(name):
    """Whether no request waits and no job runs. A runner may stand ready for the next one; a server that a socket was
    handed over to is its own."""
    stands_ready = property_of(f"trigger-dispatch@{name}.socket", "ActiveState") == "active"
    return not spooled(name) and (stands_ready or is_over(f"trigger-run@{name}.service"))


def wait_until_served(name):
    wait_until(lambda: is_served(name))


def wait_until_idle(name):
    """No request waits, and no process of the endpoint is left."""
    units = [f"trigger@{name}.service", f"trigger-dispatch@{name}.service", f"trigger-run@{name}.service"]
    wait_until(lambda: is_served(name) and all(map(is_over, units)))


def journal(unit, since=None):
    """The messages in the journal of a unit, systemd's about it among them."""
    run("journalctl", "--sync")
    arguments = ["journalctl", "--unit", unit, "--output", "cat", "--no-pager"]
    return run(*arguments, *(["--since", f"@{since:.6f}"] if since else []))


def whole_journal(since=None):
    """All that is in the journal, every field of every message, whoever wrote it: bytes."""
    run("journalctl", "--sync")
    arguments = ["journalctl", "--all", "--output", "export", "--no-pager"]
    arguments += ["--since", f"@{since:.6f}"] if since else []
    return subprocess.run(arguments, stdout=subprocess.PIPE, check=True).stdout
