"""triggerctl, when nobody takes what it says, and when a place of ours is not there: one line and a status, never a
traceback, never a bare number."""

import os
import pty
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from run_files import JOB, SECOND, record, request_id, unknown_to_systemd

from trigger import records, runs
from trigger.ctl import doctor, fire, show, status
from trigger.ctl.doctor import files, finding, host
from trigger.ctl.errors import MOUNT, Failure, told

LIBRARY = Path(runs.__file__).parent.parent
COMMAND = [
    sys.executable, "-ISc", f"import sys; sys.path.insert(0, {str(LIBRARY)!r})\n"
    "from trigger.ctl.main import main; sys.exit(main(sys.argv[1:]))",
]  # fmt: skip
HELP = [["--help"], *([command, "--help"] for command in ("list", "fire", "logs", "doctor"))]


def ctl(*arguments, **streams):
    return subprocess.run(
        [*COMMAND, *arguments], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False, text=True, **streams
    )


def one_line(done):
    assert done.returncode not in (0, 120)
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("triggerctl: "), done.stderr
    return done.stderr


@pytest.mark.parametrize("arguments", [*HELP, ["doctor"], ["doctor", "--json"]], ids=" ".join)
def test_a_full_disk(arguments):
    with open("/dev/full", "w") as full:
        assert "No space left on device" in one_line(ctl(*arguments, stdout=full))


@pytest.mark.parametrize("arguments", [*HELP, ["doctor"]], ids=" ".join)
def test_a_reader_that_is_gone(arguments):
    reading, writing = os.pipe()
    os.close(reading)
    assert "Broken pipe" in one_line(ctl(*arguments, stdout=writing))
    os.close(writing)


@pytest.mark.parametrize("closed", [0, 1, 2])
@pytest.mark.parametrize("arguments", [["--help"], ["doctor"], ["show", "nothing"], ["lst"]], ids=" ".join)
def test_closed_streams(arguments, closed):
    done = subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {closed}>&-', "sh", *COMMAND, *arguments],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stdout + done.stderr and "Exception" not in done.stdout + done.stderr
    if closed == 1:
        assert done.returncode != 0 and done.stderr.count("\n") == 1
    elif closed == 2:
        assert done.stderr == "" and done.returncode != 120


@pytest.mark.parametrize("closed", [True, False])
def test_a_body_that_cannot_be_read(tmp_path, monkeypatch, closed):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(Failure) as caught:
        fire._read_body("-" if closed else str(tmp_path), 10)
    why = "standard input is closed" if closed else f"{tmp_path}: Is a directory"
    assert str(caught.value) == f"the body cannot be read: {why}"


@pytest.mark.parametrize("arguments", [["--help"], ["doctor"], ["show", "nothing"], ["lst"]], ids=" ".join)
def test_nobody_hears_complaints(arguments):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*COMMAND, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=full, check=False
        )
    assert done.returncode != 120


# Places that are not there


def test_without_configurations_a_list_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(status.paths, "CONFIGURATION", str(tmp_path / "gone"))
    for command in (show.list_endpoints, show.show):
        with pytest.raises(Failure) as caught:
            command(SimpleNamespace(name="a"), None)
        assert str(caught.value) == f"{tmp_path}/gone cannot be read: No such file or directory; {MOUNT}"


@pytest.fixture
def lost(tmp_path, monkeypatch):
    """A host of which nothing of ours is there any more, or what is there is no directory."""

    def lose(kind):
        for name in ("CONFIGURATION", "SPOOL", "STATE"):
            path = tmp_path / name.lower()
            if kind == "a file":
                path.write_text("")
            elif kind == "a loop":
                path.symlink_to(path)
            monkeypatch.setattr(status.paths, name, str(path))
        monkeypatch.setattr(status.paths, "ROOT", str(tmp_path / "root"))

    return lose


@pytest.mark.parametrize("kind", ["nothing", "a file", "a loop"])
def test_the_doctor_tells_of_each_place_that_is_not_there(lost, tmp_path, kind):
    lost(kind)
    said = []
    screen = SimpleNamespace(as_json=True, json=said.extend)
    assert doctor.doctor(SimpleNamespace(name=None), screen) == 1
    for path in ("configuration", "spool", "state"):
        assert [found for found in said if f"{tmp_path}/{path}" in found["what"] and found["mend"]]
    assert not [found for found in said if "Errno" in found["what"]]


def test_what_is_bound_for_acceptors_and_gone_for_us(lost, tmp_path):
    """As when a spool that is a file system of its own is not mounted."""
    lost("nothing")
    (tmp_path / "root" / str(tmp_path / "spool").lstrip("/")).mkdir(parents=True)
    assert [found for found in host.seen_by_acceptors(str(tmp_path / "root")) if f"{tmp_path}/spool" in found.what]


@pytest.mark.parametrize("place", ["spool", "claimed", "runs"])
def test_an_endpoint_whose_places_are_gone(endpoint, monkeypatch, place):
    settings = endpoint()
    os.rmdir(getattr(settings, place))
    monkeypatch.setattr(status.paths, "Paths", lambda name: settings)
    monkeypatch.setattr(status.systemd, "show", unknown_to_systemd)
    (seen,) = status.look(["a"])
    assert (seen.state, seen.last) == ("failed", None)
    assert status.problem_of(seen).endswith(f"/{place}: No such file or directory")
    found = [each for each in files.findings(settings, JOB) if getattr(settings, place) in each.what]
    assert [(each.what, each.mend) for each in found] == [(f"{getattr(settings, place)} is missing", MOUNT)]


def test_a_configuration_that_lacks_everything_is_a_finding():
    found = list(files.findings(status.configuration.Endpoint("a", {}), JOB))
    assert [each for each in found if "AttributeError" in each.what and each.endpoint == "a" and each.mend]


def test_an_error_is_told_without_its_number():
    with pytest.raises(FileNotFoundError) as caught:
        os.listdir("/nonexistent")
    assert told(caught.value) == "/nonexistent: No such file or directory"
    assert told(OSError("x")) == "x"
    (each,) = finding.whatever_befalls((os.listdir(path) for path in ["/nonexistent"]), "a")
    assert (each.what, each.mend) == ("/nonexistent: No such file or directory", MOUNT)


def test_a_damaged_record_is_told_with_what_to_do(endpoint):
    settings = endpoint()
    record(settings, [request_id(SECOND)])
    Path(records.path(settings, request_id(SECOND))).write_text("{")
    with pytest.raises(records.Damaged) as caught:
        runs.Runs(settings).find(request_id(SECOND))
    assert "Errno" not in told(caught.value) and "delete" in told(caught.value)


def test_a_terminal_that_hangs_up_is_no_traceback():
    ours, its = pty.openpty()
    os.close(ours)
    done = ctl("doctor", stdout=its)
    os.close(its)
    assert "Traceback" not in done.stderr and done.returncode == 1
