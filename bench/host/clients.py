"""What stands outside a host: clients, and somebody who waits until the host is at rest."""

import hashlib
import hmac
import itertools
import json
import os
import select
import socket
import subprocess
import time

REQUEST = b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n"
SECRET = b"the secret of bench/site.yml"
COUNTER = itertools.count(time.time_ns())
AT_REST = {"listening", "waiting", "dead"}  # SubState of a socket, a path, a service


class Answer:
    """began, ended: seconds of the monotonic clock. text: bytes. error: str, "" when all went well. A reset behind a
    whole answer is an error, too: a client that reads to the end reports it."""

    def __init__(self, began):
        self.began = self.ended = began
        self.text = b""
        self.error = ""

    @property
    def seconds(self):
        return self.ended - self.began

    @property
    def accepted(self):
        return not self.error and self.text.startswith(b"HTTP/1.1 200 ")

    @property
    def request_id(self):
        return self.text.partition(b"X-Request-Id: ")[2].partition(b"\r\n")[0].decode()

    def end(self, error=""):
        self.ended = time.monotonic()
        self.error = error or ("" if self.text.startswith(b"HTTP/1.1 200 ") else "lost" if not self.text else "refused")


def signed_request():
    """A push of GitHub's kind that nobody has sent before: signed, with JSON for three parameters."""
    push = {
        "ref": "refs/heads/main",
        "after": f"{next(COUNTER):040x}",
        "commits": [{"message": "x" * 80}] * 10,
        "size": 10,
    }
    body = json.dumps(push).encode()
    signature = hmac.new(SECRET, body, hashlib.sha256).hexdigest()
    head = (
        "POST / HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
        f"X-Hub-Signature-256: sha256={signature}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def ask(port, request=REQUEST):
    """One client, who reads to the end. Returns its Answer."""
    answer = Answer(time.monotonic())
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
            client.sendall(request)
            part = client.recv(65536)
            while part:
                answer.text += part
                part = client.recv(65536)
        answer.end()
    except OSError as error:
        answer.end(type(error).__name__)
    return answer


def crowd(port, count):
    """`count` clients at once in one thread. Returns their Answers, in the order in which they came."""
    poll = select.epoll()
    clients = {}
    answers = []
    for _ in range(count):
        client = socket.socket()
        client.setblocking(False)
        answer = Answer(time.monotonic())
        answers.append(answer)
        client.connect_ex(("127.0.0.1", port))
        poll.register(client, select.EPOLLOUT)
        clients[client.fileno()] = client, answer
    while clients:
        events = poll.poll(60)
        for fd, _ in events or [(fd, 0) for fd in list(clients)]:
            client, answer = clients[fd]
            try:
                done = not events or _proceed(poll, client, answer)
                if done:
                    answer.end("" if events else "TimeoutError")
            except OSError as error:
                done = True
                answer.end(type(error).__name__)
            if done:
                client.close()
                del clients[fd]
    return answers


def _proceed(poll, client, answer):
    """Send the request or read what there is. Returns whether the answer has ended."""
    if answer.ended == answer.began:
        client.sendall(REQUEST)
        answer.ended = time.monotonic()
        poll.modify(client, select.EPOLLIN)
        return False
    part = client.recv(65536)
    answer.text += part
    return not part


def units_of(endpoint):
    """The units of an endpoint of ours that change their state when a request comes."""
    return [f"trigger@{endpoint}.socket", f"trigger-run@{endpoint}.path", f"trigger-run@{endpoint}.service"]


def wait_for_rest(units, endpoints=(), seconds=60):
    """Wait until the sockets listen, the services are dead, and no request waits: nothing of the last round is left."""
    deadline = time.monotonic() + seconds
    while True:
        waiting = [
            name for endpoint in endpoints for name in os.listdir(f"/var/spool/trigger/{endpoint}") if name[0] != "."
        ]
        states = "" if waiting else show(units, "SubState")
        if not waiting and AT_REST.issuperset(states):
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"not at rest: {waiting or dict(zip(units, states))}")
        time.sleep(0.005)


def show(units, name):
    """A property of each unit: list of str."""
    command = ["systemctl", "show", "--value", "--property", name, *units]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.decode().split()
