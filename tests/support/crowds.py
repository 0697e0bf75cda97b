"""An acceptor as a process of its own, and crowds of clients that come to it."""

import contextlib
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import role
from page_host import BEGIN, FILES

from trigger import endpoint as configuration
from trigger import paths

TIME_LIMIT = 20  # seconds, for what would otherwise hang
_MORE_FILES = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
"""


class Host:
    """One endpoint, below directory, and its acceptor, on a TCP port of its own. auth: as a playbook has it."""

    def __init__(self, directory, auth=(), before="", **keys):
        for name in ("etc", "spool", "state", "run", "credentials"):
            (directory / name).mkdir()
        keys.setdefault("request_timeout", "10min")  # nobody's time is over, however slow the machine is
        keys.setdefault("linger", "10min")  # nobody starts it again
        settings = {key: value for key, value in vars(role.endpoint(**keys)).items() if key != "name"}
        settings["frontend"] = None
        settings["auth"] = [next(iter(entry)) for entry in auth]
        (directory / "etc" / "a.json").write_text(json.dumps(settings))
        (directory / "credentials" / "auth").write_text(json.dumps(role.guard_entries(*auth)) if auth else "-")
        self.endpoint = configuration.load("a", str(directory / "etc"))
        for name, path in vars(self.endpoint).items():
            if isinstance(path, str) and path.startswith(("/var/spool/trigger", "/var/lib/trigger")):
                below = path.replace(paths.SPOOL, str(directory / "spool")).replace(
                    paths.STATE, str(directory / "state")
                )
                setattr(self.endpoint, name, below)
        for path in (self.endpoint.spool, self.endpoint.claimed, self.endpoint.runs):
            os.makedirs(path)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self._listener.set_inheritable(True)
        begin = BEGIN.format(
            files=FILES,
            fd=self._listener.fileno(),
            **{name: str(directory / path) for name, path in (("spool", "spool"), ("state", "state"), ("etc", "etc"))},
            runtime=str(directory / "run"),
        )
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-I",
                "-S",
                "-c",
                begin + _MORE_FILES + before + "\nfrom trigger.acceptor import main; sys.exit(main.main('a'))",
            ],
            pass_fds=[self._listener.fileno()],
            env={"LC_ALL": "C.UTF-8", "CREDENTIALS_DIRECTORY": str(directory / "credentials")},
            stderr=(directory / "journal").open("wb"),
        )
        self._journal = directory / "journal"

    def journal(self):
        return self._journal.read_text()

    def peak(self):
        """The most memory that the acceptor has had so far: bytes."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) * 1024

    def connect(self, source=None):
        client = socket.socket()
        client.settimeout(TIME_LIMIT)
        if source:
            client.bind((source, 0))
        client.connect(self._listener.getsockname())
        return client

    def close(self):
        self.process.kill()
        self.process.wait()
        self._listener.close()


@contextlib.contextmanager
def host(directory, **settings):
    made = Host(directory, **settings)
    try:
        yield made
    finally:
        made.close()


def read_all(client):
    answer = b""
    with contextlib.suppress(ConnectionError):
        while part := client.recv(65536):
            answer += part
    return answer
