"""A host with endpoints behind the front end, in real files and on real sockets, for the tests of the page."""

import hashlib
import html.parser
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile

import role

from trigger import endpoint as configuration
from trigger import http, paths
from trigger.dispatcher import history, output_files
from trigger.page.access import Door

SECRET = "0123456789abcdef" * 4
SECOND = 1_795_000_000
FILES = os.path.dirname(os.path.dirname(paths.__file__))
VOID = ("input", "link", "meta")

# What each program is told before it starts: where the host is, and that systemd listens for it.
BEGIN = """
import os, sys
sys.path.insert(0, {files!r})
os.dup2({fd}, 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
from trigger import paths
paths.CONFIGURATION, paths.SPOOL, paths.STATE, paths.RUNTIME = {etc!r}, {spool!r}, {state!r}, {runtime!r}
"""


def request_id(second=SECOND, number=0):
    time_part = f"{int(second * 1000):012x}"
    return f"{time_part[:8]}-{time_part[8:]}-7{number:03x}-8000-000000000000"


class Host:
    """Directories below one that is made for it; its sockets' paths have to be short."""

    def __init__(self):
        self.base = tempfile.mkdtemp(prefix="page")
        self.etc, self.spool, self.state, self.runtime, self.credentials = (
            os.path.join(self.base, name) for name in ("etc", "spool", "state", "run", "credentials")
        )
        for path in (self.etc, self.spool, self.state, self.runtime, self.credentials):
            os.mkdir(path)
        self._processes = []

    def put(self, name="hello", description="", users=("alice",), page=True, methods=("POST",), auth=(), **keys):
        """Write down an endpoint behind the front end, make its directories, and return it as it is loaded."""
        location = f"/{name}/"
        keys.setdefault("linger", "10min")  # nobody starts its acceptor again
        settings = {key: value for key, value in vars(role.endpoint(**keys)).items() if key != "name"}
        settings.update(path=location, description=description, auth=list(auth))
        settings["frontend"] = {
            "location": location,
            "users": users and list(users),
            "methods": list(methods),
            "page": page,
        }
        self.write(name, json.dumps(settings))
        made = configuration.load(name, self.etc)
        for path in (made.spool, made.claimed, made.runs):
            os.makedirs(path, exist_ok=True)
        return made

    def write(self, name, text):
        with open(f"{self.etc}/{name}.json", "w") as file:
            file.write(text)

    def listen(self, name):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(f"{self.runtime}/{name}")
        listener.listen(256)
        return listener

    def start(self, listener, code, credential=SECRET, **popen):
        """Start one of trigger's programs as systemd does. Returns the process."""
        os.set_inheritable(listener.fileno(), True)
        begin = BEGIN.format(
            files=FILES, fd=listener.fileno(), spool=self.spool, state=self.state, runtime=self.runtime, etc=self.etc
        )
        environment = {"LC_ALL": "C.UTF-8"}
        if credential is not None:
            directory = tempfile.mkdtemp(dir=self.credentials)
            with open(directory + "/frontend", "w") as file:
                file.write(credential + "\n")
            environment["CREDENTIALS_DIRECTORY"] = directory
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", begin + code],
            pass_fds=[listener.fileno()],
            env=environment,
            stderr=subprocess.PIPE,
            **popen,
        )
        self._processes.append(process)
        return process

    def start_acceptor(self, name):
        listener = self.listen(name + ".sock")
        digest = hashlib.sha256(SECRET.encode()).hexdigest()
        code = f"from trigger.acceptor import main; sys.exit(main.main({name!r}))"
        return self.start(listener, code, digest)

    def start_page(self, settings="", **popen):
        """settings: Python code that changes what stands in trigger.page.server."""
        self.page_path = self.runtime + "/frontend"
        self.listener = self.listen("frontend")
        return self.restart_page(settings, **popen)

    def restart_page(self, settings="", **popen):
        # Nobody else starts it again, so it has to linger.
        code = f"from trigger.page import server; server.LINGER = 600; {settings}\nsys.exit(server.main({self.etc!r}))"
        return self.start(self.listener, code, **popen)

    def close(self):
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.wait()
            process.stderr.close()
        shutil.rmtree(self.base)


def fields(user="alice", secret=SECRET, **more):
    """What nginx sends. user: None where nobody was asked."""
    told = {"Host": "ci.example:8443", "X-Trigger-Frontend": secret, "X-Forwarded-For": "192.0.2.7"}
    told["X-Forwarded-Proto"] = "https"
    if user is not None:
        told["X-Remote-User"] = user
    told.update({name.replace("_", "-"): value for name, value in more.items()})
    return told


def head(method="GET", path="/", version="1.1", **more):
    told = fields(**more)
    lines = [f"{method} {path} HTTP/{version}"]
    lines += [f"{name}: {value}" for name, value in told.items() if value is not None]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def parsed(method="GET", path="/", **more):
    return http.parse_head(head(method, path, **more))


def visitor(**more):
    return Door(SECRET).enter(parsed(**more))


def queue(endpoint, *ids):
    for each in ids:
        with open(f"{endpoint.spool}/{each}", "w"):
            pass


def claim(endpoint, *ids):
    """What claim does, so far as the page sees it."""
    with open(endpoint.output_file, "w"):
        pass
    for each in ids:
        with open(f"{endpoint.claimed}/{each}", "w"):
            pass


def prints(endpoint, content):
    with open(endpoint.output_file, "ab", buffering=0) as file:
        file.write(content)


def record(endpoint, *ids, state="succeeded", exit_code=0, started=SECOND, finished=None, **outcome):
    """What record does, in its order. finished: seconds since the epoch, or None for now."""
    told = {"state": state, "result": "success", "exit_code": exit_code, "signal": None, **outcome}
    if os.path.exists(endpoint.output_file):
        output_files.keep(endpoint, ids[-1], endpoint.output_file)
    written = history.write(endpoint, list(ids), started, told, finished)
    for place in (endpoint.spool, endpoint.claimed):
        for each in ids:
            if os.path.exists(f"{place}/{each}"):
                os.unlink(f"{place}/{each}")
    return written


class Element:
    def __init__(self, tag, attributes):
        self.tag = tag
        self.attributes = attributes
        self.content = []  # elements and text

    def all(self, tag=None, **wanted):
        """The elements below, in order."""
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in wanted.items()}
        found = []
        for child in self.content:
            if isinstance(child, Element):
                fits = all(child.attributes.get(name) == value for name, value in wanted.items())
                found += [child] if fits and tag in (None, child.tag) else []
                found += child.all(tag, **wanted)
        return found

    def one(self, tag=None, **wanted):
        (found,) = self.all(tag, **wanted)
        return found

    @property
    def text(self):
        return "".join(child if isinstance(child, str) else child.text for child in self.content)

    def __getitem__(self, name):
        return self.attributes[name]


class _Builder(html.parser.HTMLParser):
    """Knows no mercy: every element is closed in its turn, no attribute comes twice, no id either."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open = [Element(None, {})]

    def handle_starttag(self, tag, attrs):
        assert len(dict(attrs)) == len(attrs), (tag, attrs)
        made = Element(tag, dict(attrs))
        self.open[-1].content.append(made)
        if tag not in VOID:
            self.open.append(made)

    def handle_endtag(self, tag):
        assert self.open.pop().tag == tag

    def handle_data(self, data):
        self.open[-1].content.append(data)

    def handle_comment(self, data):
        raise AssertionError(f"a comment: {data}")

    def handle_decl(self, decl):
        assert decl == "DOCTYPE html" and not self.open[0].content

    def handle_pi(self, data):
        raise AssertionError(f"an instruction: {data}")

    def unknown_decl(self, data):
        raise AssertionError(f"a declaration: {data}")


def tree(page):
    """The elements of a page, or of a part of one: bytes or str."""
    builder = _Builder()
    builder.feed(page if isinstance(page, str) else page.decode())
    builder.close()
    assert [element.tag for element in builder.open] == [None], "something is not closed"
    root = builder.open[0]
    ids = [element["id"] for element in root.all() if "id" in element.attributes]
    assert len(set(ids)) == len(ids)
    return root
