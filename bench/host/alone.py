"""What of a cold answer is Python's: a program gets a listening socket in systemd's way, sd_listen_fds(3), in a
process of its own, but without systemd, sandbox or control group; a client has come already."""

import os
import pwd
import random
import shutil
import socket
import subprocess
import time
from pathlib import Path

import peers

FIRST = 3  # SD_LISTEN_FDS_START
PYTHON = "/usr/bin/python3"
LAUNCH = "/usr/local/lib/trigger/launch.py"
ACCEPTORS = ("bare", "token", "signed")
CREDENTIALS = Path("/run/bench-credentials")
# What a program pays that does nothing but import this, and leaves at once.
IMPORTS = {
    "nothing but Python": "posix",
    "with os": "os",
    "with os, _hashlib": "os, _hashlib",
    "with os, json": "os, json",
}


class Program:
    """user: whose process it is. credentials: $CREDENTIALS_DIRECTORY or None. peer: peers.Peer, whose request is sent
    before it begins; None where the program is to end by itself."""

    def __init__(self, command, user="nobody", credentials=None, peer=None):
        self.command = command
        self.user = pwd.getpwnam(user)
        self.environment = {"PATH": "/usr/bin", "LANG": "C.UTF-8", "LISTEN_FDS": "1"}
        if credentials:
            self.environment["CREDENTIALS_DIRECTORY"] = str(credentials)
        self.peer = peer

    def milliseconds(self):
        """From the fork to the end of the answer, or of the program."""
        listener = socket.create_server(("127.0.0.1", 0))
        client = socket.create_connection(listener.getsockname(), timeout=10)
        if self.peer:
            client.sendall(self.peer.request())
        began = time.monotonic()
        process = os.fork()
        if not process:
            self._become(listener)
        listener.close()
        if self.peer:
            answer = _read_to_end(client)
            ended = time.monotonic()
            if not answer.startswith(b"HTTP/1.1 200 "):
                raise RuntimeError(f"{' '.join(self.command)}: answered {answer}")
            os.kill(process, 9)
            os.waitpid(process, 0)
        else:
            os.waitpid(process, 0)
            ended = time.monotonic()
        client.close()
        return round((ended - began) * 1000, 2)

    def _become(self, listener):
        os.dup2(listener.fileno(), FIRST)
        os.set_inheritable(FIRST, True)  # where it was there already, too
        os.closerange(FIRST + 1, 64)
        os.setgroups([])
        os.setgid(self.user.pw_gid)
        os.setuid(self.user.pw_uid)
        os.execve(self.command[0], self.command, {**self.environment, "LISTEN_PID": str(os.getpid())})


def _read_to_end(client):
    answer = b""
    try:
        while part := client.recv(65536):
            answer += part
    except ConnectionResetError:
        pass  # the recipe has not read the request
    return answer


def programs(acceptors):
    """Name to Program: dict. acceptors: list of peers.Endpoint."""
    found = {}
    for name, modules in IMPORTS.items():
        code = f"import {modules}, posix; posix._exit(0)"
        found[name] = Program([PYTHON, "-I", "-S", "-c", code])
    found["recipe"] = Program([PYTHON, "/opt/bench/recipe.py", "0"], peer=peers.RECIPE)
    for peer in acceptors:
        command = [PYTHON, "-I", "-S", LAUNCH, "acceptor", peer.name]
        user = f"trigger-{peer.name}"
        found[peer.label] = Program(command, user, _credentials(peer.name, user), peer)
    return found


def _credentials(name, user):
    """What LoadCredential= would make of them: a folder of the acceptor's."""
    shipped = Path(f"/etc/trigger/credentials/{name}/acceptor")
    if not shipped.is_dir():
        return None
    folder = CREDENTIALS / name
    shutil.copytree(shipped, folder)
    subprocess.run(["chown", "-R", user, folder], check=True)
    return folder


def measure(rounds):
    """Milliseconds of each program, in an order drawn anew for each round: dict of name to list."""
    acceptors = [peer for peer in peers.COLD if peer.label in ACCEPTORS]
    runs = [f"trigger-dispatch@{peer.name}.socket" for peer in acceptors]
    subprocess.run(["systemctl", "stop", *runs], check=True)  # what is accepted waits, and takes no processor
    found = programs(acceptors)
    values = {name: [] for name in found}
    for _ in range(rounds):
        for name in random.sample(list(found), len(found)):
            values[name].append(found[name].milliseconds())
    shutil.rmtree(CREDENTIALS)
    subprocess.run(["systemctl", "start", *runs], check=True)
    peers.wait_for_rest(acceptors)
    return values
