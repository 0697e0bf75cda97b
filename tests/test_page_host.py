"""A host with endpoints behind the front end, in real files and on real sockets, for the tests of the page; and what is
known of such endpoints."""

import hashlib
import html.parser
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile

import pytest
import role

from trigger import endpoint as configuration
from trigger import http, paths, records
from trigger.dispatcher import history, output_files
from trigger.page import status
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
        code = f"from trigger.page import server; {settings}\nsys.exit(server.main({self.etc!r}))"
        return self.start(self.listener, code, **popen)

    def close(self):
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.wait()
            process.stderr.close()
        shutil.rmtree(self.base)


@pytest.fixture
def host(monkeypatch):
    made = Host()
    for name, path in (("SPOOL", made.spool), ("STATE", made.state), ("RUNTIME", made.runtime)):
        monkeypatch.setattr(paths, name, path)
    if os.getuid():
        monkeypatch.setattr(os, "fchown", lambda *_: None)
    yield made
    made.close()


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


def record(endpoint, *ids, state="succeeded", exit_code=0, started=SECOND, **outcome):
    """What record does, in its order."""
    told = {"state": state, "result": "success", "exit_code": exit_code, "signal": None, **outcome}
    if os.path.exists(endpoint.output_file):
        output_files.keep(endpoint, ids[-1])
    written = history.write(endpoint, list(ids), started, told)
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


# known


def names(host):
    return [endpoint.name for endpoint in status.endpoints(host.etc)]


def test_only_what_is_behind_the_front_end_is_known(host):
    host.put("b")
    host.put("a")
    host.write("old", "{}")
    host.write("outside", '{"frontend": null}')
    host.write(".hidden", "{")
    assert names(host) == ["a", "b"]


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "null", '"x"', "[" * 100_000, '{"frontend": {}}', '{"frontend": []}', '{"frontend": "x"}',
        '{"frontend": {"location": "/x/", "users": null, "methods": [], "page": true}}',
        '{"frontend": {"location": 1, "users": null, "methods": [], "page": true}, "description": "", '
        '"parameters": null, "auth": []}',
        '{"frontend": {"location": "/x/", "users": "alice", "methods": [], "page": true}, "description": "", '
        '"parameters": null, "auth": []}',
    ],
)  # fmt: skip
def test_a_damaged_file_takes_nothing_else_down(host, text, capsys):
    host.put("a")
    host.write("b", text)
    host.put("c")
    assert names(host) == ["a", "c"]
    assert capsys.readouterr().err.startswith("<4>b.json is left out: ")


def test_a_file_that_goes_meanwhile_takes_nothing_else_down(host, capsys):
    host.put("a")
    os.symlink("nowhere", f"{host.etc}/b.json")
    assert names(host) == ["a"]
    assert capsys.readouterr().err == "<4>b.json is left out: No such file or directory\n"


def test_what_is_going_on(host):
    endpoint = host.put()
    standing = status.Standing(endpoint)
    assert (standing.running, standing.waiting, standing.last, standing.is_known) == (False, 0, None, True)
    ids = [request_id(SECOND + number) for number in range(5)]
    record(endpoint, ids[0])
    queue(endpoint, *ids[1:], ".draft-1")
    claim(endpoint, *ids[1:3])
    standing = status.Standing(endpoint)
    assert (standing.running, standing.waiting, standing.last["id"]) == (True, 2, ids[0])


def test_the_last_run_is_one_that_began_and_can_be_read(host):
    endpoint = host.put()
    ids = [request_id(SECOND + number) for number in range(4)]
    record(endpoint, ids[0], state="failed")
    record(endpoint, ids[1], state="cancelled", started=None)
    record(endpoint, ids[2])
    for number, text in ((2, "{"), (3, '{"state": "failed", "started": null, "finished": "now", "duration": 1}')):
        with open(records.path(endpoint, ids[number]), "w") as file:
            file.write(text)
    assert status.Standing(endpoint).last["id"] == ids[0]


def test_runs_that_cannot_be_read_are_said_to_be_so(host, capsys):
    endpoint = host.put()
    shutil.rmtree(endpoint.spool)
    assert not status.Standing(endpoint).is_known
    assert status.latest_runs(endpoint, 10) is None
    assert capsys.readouterr().err.count("<4>hello: its runs cannot be read: No such file") == 2
