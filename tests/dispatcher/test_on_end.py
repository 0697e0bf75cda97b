"""What follows a run: the file that units read, whatever the umask is, and the unit that is shipped for telling."""

import os
import re
import stat
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import unquote_plus

import pytest
import role
from run_files import SECOND, request_id

from trigger import paths, records
from trigger.dispatcher import history, on_end, systemd_bus

UNIT = Path(__file__).parents[2] / "files/notify@.service"
RECORD = {"endpoint": "a", "id": request_id(SECOND), "state": "failed", "exit_code": 3}


@pytest.fixture(params=[0o000, 0o022, 0o077, 0o777], ids=oct)
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path):
    return stat.S_IMODE(os.lstat(path).st_mode)


def test_what_units_read_is_root_s_alone_whatever_the_umask_is(tmp_path, monkeypatch, umask):
    if umask == 0o777 and os.getuid():
        pytest.skip("with that umask only root can write in its own directories")
    directory = tmp_path / "ended"
    monkeypatch.setattr(on_end, "DIRECTORY", str(directory))
    on_end._tell(RECORD)
    path = directory / RECORD["id"]
    assert (mode(path), mode(directory)) == (0o600, 0o700)
    assert "TRIGGER_RUN_STATE=failed\n" in path.read_text()


def test_records_have_their_mode_whatever_the_umask_is(endpoint, umask):
    settings = endpoint()
    if umask == 0o777 and os.getuid():
        pytest.skip("with that umask only root can write in its own directories")
    ids = [request_id(SECOND), request_id(SECOND + 1)]
    history.write(settings, ids, SECOND, {"state": "succeeded"})
    assert mode(records.path(settings, ids[1])) == 0o640
    assert mode(settings.served) == 0o710


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        """Answer, and note what everybody on the host sees of processes meanwhile."""
        self.server.told.append(unquote_plus(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        self.server.paths.append(self.path)
        for process in Path("/proc").glob("[0-9]*"):
            try:
                arguments = (process / "cmdline").read_bytes()
            except OSError:
                continue
            self.server.seen.append(arguments)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


def test_neither_the_address_nor_the_run_s_id_stands_in_an_argument(tmp_path):
    """What systemd would run, on a real web server."""
    (command,) = re.findall(r"^ExecStart=/bin/sh -c '(.*?)'$", UNIT.read_text(), re.MULTILINE | re.DOTALL)
    command = command.replace("\\\n", " ").replace("%%", "%").replace("%H", "host")
    command = re.sub(r"\\(.)", lambda found: {"n": "\n"}.get(found[1], found[1]), command)  # as systemd reads escapes
    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        server.paths, server.seen, server.told = [], [], []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            secret = 'se-cret?a=1&b="\\%20'
            (tmp_path / "address").write_text(f"http://127.0.0.1:{server.server_port}/{secret}")
            told = {"CREDENTIALS_DIRECTORY": str(tmp_path), "TRIGGER_ENDPOINT": "a", "TRIGGER_RUN_STATE": "failed"}
            told.update(PATH=os.environ["PATH"], TRIGGER_RUN_ID=RECORD["id"])
            subprocess.run(["/bin/sh", "-c", command], env=told, check=True, timeout=60)
        finally:
            server.shutdown()
            thread.join()
    assert len(server.paths) == 1 and server.paths[0].startswith("/se-cret?a=1&b=")
    assert server.told == [f"text=a on host: run {RECORD['id']} failed"]
    assert any(b"curl" in arguments for arguments in server.seen)
    assert not [each for each in server.seen if b"se-cret" in each or RECORD["id"].encode() in each]


# Endpoints that follow each other


@pytest.fixture
def ended(tmp_path, monkeypatch):
    """Ends a run of the endpoint "a". Returns what was started, what went wrong, and what the next one is told."""
    monkeypatch.setattr(on_end, "DIRECTORY", str(tmp_path / "ended"))
    monkeypatch.setattr(paths, "RUNTIME", str(tmp_path))

    def end(hops, *units):
        started = []
        endpoint = role.endpoint(on_failure=list(units))
        problems = on_end.start(endpoint, RECORD, started.append, hops)
        note = tmp_path / "b.hops"
        return started, problems, note.read_text() if note.exists() else None

    return end


def test_who_fires_another_tells_through_whom(ended):
    assert ended([], "trigger-fire@b.service") == (["trigger-fire@b.service"], [], "a")
    assert ended(["b", "c"], "trigger-fire@b.service", "x.service")[2] == "b c a"


def test_of_two_who_fire_another_the_longer_way_counts(ended):
    assert ended(["b", "c"], "trigger-fire@b.service")[2] == "b c a"
    assert ended([], "trigger-fire@b.service") == (["trigger-fire@b.service"], [], "b c a")
    assert ended(["b", "c", "d"], "trigger-fire@b.service")[2] == "b c d a"


def test_a_circle_ends(ended):
    hops = [name for _ in range(8) for name in ("b", "a")]
    assert ended(hops[1:], "trigger-fire@b.service")[0] == ["trigger-fire@b.service"]
    started, problems, _ = ended(hops, "trigger-fire@b.service", "mail.service")
    assert started == ["mail.service"]
    (problem,) = problems
    assert "trigger-fire@b.service is not started" in problem
    assert problem.endswith(", ".join([*hops, "a"]))


def test_a_unit_that_was_not_started_is_told_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(on_end, "DIRECTORY", str(tmp_path / "ended"))
    monkeypatch.setattr(paths, "RUNTIME", str(tmp_path))

    def refuse(unit):
        raise systemd_bus.Failed("StartUnit: Unit is masked.")

    problems = on_end.start(role.endpoint(on_failure=["trigger-fire@b.service"]), RECORD, refuse)
    assert problems == ["trigger-fire@b.service: StartUnit: Unit is masked."]
    assert not (tmp_path / "b.hops").exists()


@pytest.mark.parametrize("before", [["b"], ["b", "c", "d", "e"]])
def test_a_start_that_fails_takes_nothing_from_another(ended, tmp_path, before):
    """Whichever of them has come the longer way."""
    told = ended(before, "trigger-fire@b.service")[2]

    def refuse(unit):
        assert len((tmp_path / "b.hops").read_text().split()) == max(4, len(before) + 1)
        raise systemd_bus.Failed("StartUnit: Unit is masked.")

    on_end.start(role.endpoint(on_failure=["trigger-fire@b.service"]), RECORD, refuse, ["x", "y", "z"])
    assert (tmp_path / "b.hops").read_text() == told


def test_a_start_that_fails_takes_nothing_that_another_has_noted_since(ended, tmp_path):
    def refuse(unit):
        (tmp_path / "b.hops").write_text("x y z")
        raise systemd_bus.Failed("StartUnit: Unit is masked.")

    on_end.start(role.endpoint(on_failure=["trigger-fire@b.service"]), RECORD, refuse)
    assert (tmp_path / "b.hops").read_text() == "x y z"


@pytest.mark.parametrize(
    "unit", ["trigger-fire@.service", "trigger-fire@b.timer", "trigger-run@b.service", "b.service"]
)
def test_other_units_are_told_nothing(ended, unit):
    assert ended([], unit)[2] is None


# What units read is kept for the latest runs


def lie(directory, name, age):
    """What was told of a run, so many seconds ago."""
    path = directory / name
    path.write_text("")
    os.utime(path, (SECOND - age, SECOND - age))
    return name


def test_what_was_told_last_stays_whatever_ids_say(tmp_path, monkeypatch):
    """Ids are of acceptors' making, and those of all endpoints lie there."""
    monkeypatch.setattr(on_end, "DIRECTORY", str(tmp_path))
    monkeypatch.setattr(on_end, "KEPT", 3)
    ahead = [lie(tmp_path, request_id(SECOND + 86400 + number), 100 + number) for number in range(2)]
    latest = lie(tmp_path, request_id(SECOND - 86400), 10)
    on_end._tell(RECORD)
    assert sorted(os.listdir(tmp_path)) == sorted([ahead[0], latest, RECORD["id"]])


def test_what_another_dispatcher_is_writing_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(on_end, "DIRECTORY", str(tmp_path))
    monkeypatch.setattr(on_end, "KEPT", 1)
    draft = lie(tmp_path, request_id(SECOND - 5) + ".new", 100)
    lie(tmp_path, request_id(SECOND - 5), 100)
    on_end._tell(RECORD)
    assert sorted(os.listdir(tmp_path)) == sorted([draft, RECORD["id"]])
