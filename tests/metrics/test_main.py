"""What node_exporter is told, and the file of it, in a directory in which somebody else than root may write, too."""

import contextlib
import math
import os
import re
import stat
import threading
import time

import pytest

from trigger import paths
from trigger.metrics import main as metrics

STAY = metrics.STAY

# What an acceptor can leave where its counts should be.

GOOD = b'{"accepted": 3}'
LEFT = {
    "NaN": b'{"accepted": NaN, "repeated": 1}',
    "Infinity": b'{"accepted": Infinity}',
    "-Infinity": b'{"accepted": -Infinity}',
    "1e999": b'{"accepted": 1e999, "refused 401": -1e999}',
    "lists": b"[" * 60_000,
    "objects": b'{"a":' * 12_000,
    "a list in it": b'{"accepted": ' + b"[" * 60_000,
    "digits": b'{"accepted": %s}' % (b"9" * 60_000),
    "a large number": b'{"accepted": %s}' % (b"9" * 400),
    "negative": b'{"accepted": -1}',
    "true": b'{"accepted": true}',
    "text": b'{"accepted": "3"}',
    "null": b'{"accepted": null}',
    "no object": b"[3]",
    "nothing": b"",
    "NUL": bytes(1000),
    "no UTF-8": b'{"accepted": 3, "\xff": 1}',
    "a surrogate": b'{"\\ud800": 1, "accepted": 1.5}',
    "lines": b'{"refused 401\\n": 1, "accepted}": 2, "refused 401": {}}',
}


@pytest.fixture
def host(tmp_path, monkeypatch):
    """Three endpoints, of which each has counts; how they are laid out is for metrics.main() to find."""
    for place, name in (("CONFIGURATION", "etc"), ("SPOOL", "spool"), ("STATE", "state")):
        (tmp_path / name).mkdir()
        monkeypatch.setattr(paths, place, str(tmp_path / name))
    monkeypatch.setattr(metrics.listen_fds, "listen_fds", list)
    monkeypatch.setattr(metrics, "STAY", 0)
    for name in ("a", "b", "c"):
        (tmp_path / "etc" / f"{name}.json").write_text("{}")
        (tmp_path / "spool" / name).mkdir()
        (tmp_path / "state" / name).mkdir()
        (tmp_path / "spool" / name / ".counts").write_bytes(GOOD)
    (tmp_path / "out").mkdir()
    return tmp_path


@pytest.mark.parametrize("make", [os.symlink, os.link])
def test_what_lies_in_the_way_leads_nowhere_else(host, make):
    other = host / "other"
    other.write_text("of somebody else")
    make(other, host / "out" / "trigger.prom.new")
    assert metrics.main(str(host / "out")) == 0
    assert other.read_text() == "of somebody else"
    assert [path.name for path in (host / "out").iterdir()] == ["trigger.prom"]


def test_everybody_may_read_it(host):
    before = os.umask(0o077)
    try:
        metrics.main(str(host / "out"))
    finally:
        os.umask(before)
    assert stat.S_IMODE((host / "out" / "trigger.prom").stat().st_mode) == 0o644


def told(host):
    """The number of accepted requests, by endpoint, as Prometheus would read it."""
    assert metrics.main(str(host / "out")) == 0
    found = {}
    for line in (host / "out" / "trigger.prom").read_text().splitlines():
        if line[:1] != "#":
            name, number = line.rsplit(" ", 1)
            assert math.isfinite(float(number)) and re.fullmatch(
                r'[a-z_]+\{endpoint="[a-c]"(,[a-z]+="[a-z-]+")?\}', name
            )
            if name.startswith("trigger_requests_accepted_total"):
                found[name.split('"')[1]] = float(number)
    return found


@pytest.mark.parametrize("left", LEFT)
def test_whatever_one_acceptor_counts_the_others_numbers_go_on(host, left):
    (host / "spool/b/.counts").write_bytes(LEFT[left])
    found = told(host)
    assert (found["a"], found["c"]) == (3, 3) and found["b"] in (0, 1.5)


@pytest.mark.parametrize(
    "left", ["directory", "pipe", "link", "endless", "sparse", "unreadable", "nothing", "no spool"]
)
def test_whatever_lies_there_the_others_numbers_go_on(host, left):
    path = host / "spool/b/.counts"
    path.unlink()
    if left == "directory":
        path.mkdir()
    elif left == "pipe":
        os.mkfifo(path)
    elif left in ("link", "endless"):
        path.symlink_to(host / "spool/a/.counts" if left == "link" else "/dev/zero")
    elif left == "sparse":
        with open(path, "wb") as file:
            file.truncate(1 << 40)
    elif left == "unreadable":
        path.write_bytes(GOOD)
        path.chmod(0)
    elif left == "no spool":
        path.parent.rmdir()
    found = told(host)
    assert (found["a"], found["c"]) == (3, 3)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'"x"', b"null", b"\xff", b"[" * 100_000, b'{"a": NaN}'])
def test_a_broken_configuration_of_one_endpoint_stops_no_other_s_numbers(host, content, capsys):
    (host / "etc/b.json").write_bytes(content)
    found = told(host)
    assert found == {"a": 3, "c": 3}
    assert capsys.readouterr().out.startswith("<4>b: there are no metrics of it now: ")


def test_what_lies_in_the_configuration_beside_it_stops_nothing(host):
    (host / "etc/gone.json").symlink_to("nowhere")
    (host / "etc/folder.json").mkdir()
    assert told(host) == {"a": 3, "b": 3, "c": 3}


def test_a_fifo_that_never_ends_is_left(host, monkeypatch):
    """An acceptor may say without end that it has counted."""
    with open("/dev/zero", "rb") as endless:
        monkeypatch.setattr(metrics.listen_fds, "listen_fds", lambda: [endless.fileno()])
        assert told(host) == {"a": 3, "b": 3, "c": 3}


def test_the_text_for_prometheus():
    requests = {"accepted": 3, "repeated": 1, "refused 401": 2, "refused 404": 1, "refused 666": 9, 'x"} 1\ny': 1}
    told = {"succeeded": 2, "failed": 1, "seconds": 1.5, "last_success": 1795000000.25, "unheard-of": 7}
    lines = metrics.render(metrics.samples_of("a", requests, told, 4)).splitlines()
    assert [line for line in lines if "refused_total{" in line] == [
        'trigger_requests_refused_total{endpoint="a",reason="unauthorized"} 2',
        'trigger_requests_refused_total{endpoint="a",reason="not-found"} 1',
    ]
    for expected in (
        'trigger_requests_accepted_total{endpoint="a"} 3',
        'trigger_requests_ignored_total{endpoint="a"} 0',
        'trigger_runs_total{endpoint="a",result="succeeded"} 2',
        'trigger_runs_total{endpoint="a",result="timed-out"} 0',
        'trigger_run_seconds_total{endpoint="a"} 1.5',
        'trigger_queue_length{endpoint="a"} 4',
        'trigger_last_success_timestamp_seconds{endpoint="a"} 1795000000.25',
    ):
        assert lines.count(expected) == 1
    assert not [line for line in lines if "unheard" in line or "666" in line or ("}" in line and "{" not in line)]
    assert len([line for line in lines if line.startswith("# TYPE")]) == 8


def test_without_a_success_there_is_no_time_of_one():
    assert "trigger_last_success_timestamp_seconds{" not in metrics.render(metrics.samples_of("a", {}, {}, 0))


def test_a_flood_of_bytes_is_no_flood_of_starts(host, monkeypatch):
    """What comes while it stays is left in the FIFO, for the next one."""
    monkeypatch.setattr(metrics, "STAY", STAY)
    hearing, saying = os.pipe2(os.O_NONBLOCK)
    monkeypatch.setattr(metrics.listen_fds, "listen_fds", lambda: [hearing])
    has_left = threading.Event()

    def flood():
        while not has_left.is_set():
            with contextlib.suppress(BlockingIOError):
                os.write(saying, bytes(4096))

    writer = threading.Thread(target=flood)
    writer.start()
    begun = time.monotonic()
    try:
        assert told(host) == {"a": 3, "b": 3, "c": 3}
        assert time.monotonic() - begun >= STAY >= 1
    finally:
        has_left.set()
        writer.join()
    assert os.read(hearing, 1)
    os.close(hearing)
    os.close(saying)
