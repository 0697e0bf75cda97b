"""Whether the doctor sees that the pages or the metrics do not work."""

import pytest

from trigger import paths
from trigger.ctl import systemd
from trigger.ctl.doctor import companions

UNIT = "[Service]\nExecStart=/usr/bin/python3 /lib/launch.py {}\nProtectSystem=strict\n"
LISTENS = {"LoadState": "loaded", "ActiveState": "active", "UnitFileState": "enabled"}
RESTS = {"LoadState": "loaded", "ActiveState": "inactive"}
CRASHED = {"ActiveState": "activating", "SubState": "auto-restart", "Result": "exit-code"}


@pytest.fixture(params=["pages", "metrics"])
def says(request, tmp_path, monkeypatch):
    """What the doctor says of one of them, where the role has put that one alone. `path` is where metrics go."""
    socket, service, mark = {
        "pages": (paths.PAGE_SOCKET, paths.PAGE_SERVICE, "site"),
        "metrics": (paths.METRICS_SOCKET, paths.METRICS_SERVICE, "unit"),
    }[request.param]
    (tmp_path / mark).touch()
    marks = [str(tmp_path / name) for name in ("site", "unit")]
    rows = [(mark, *row[1:]) for mark, row in zip(marks, companions._COMPANIONS)]
    monkeypatch.setattr(companions, "_COMPANIONS", rows)
    path = tmp_path / 'a "100% full" place'
    path.mkdir()
    file = tmp_path / service
    escaped = str(path).replace('"', '\\"').replace("%", "%%")
    file.write_text(UNIT.format("x") + (f'ReadWritePaths="{escaped}"\n' if request.param == "metrics" else ""))

    def look(socket_is=(), service_is=()):
        states = {
            socket: {**dict.fromkeys(systemd.PROPERTIES, ""), **LISTENS, **dict(socket_is)},
            service: {**dict.fromkeys(systemd.PROPERTIES, ""), **RESTS, "FragmentPath": str(file), **dict(service_is)},
        }
        monkeypatch.setattr(systemd, "show", lambda units: {unit: states[unit] for unit in units})
        found = list(companions.findings())
        assert all(each.endpoint is None and each.mend and each.severity == "problem" for each in found)
        return [each.what for each in found]

    look.socket, look.service, look.path, look.kind = socket, service, path, request.param
    look.mark = tmp_path / mark
    return look


@pytest.mark.parametrize("service_is", [{}, {"ActiveState": "active"}, {"ActiveState": "activating"}])
def test_all_is_well(says, service_is):
    assert says({}, service_is) == []


@pytest.mark.parametrize("state", ["inactive", "failed"])
def test_a_socket_that_does_not_listen(says, state):
    (what,) = says({"ActiveState": state})
    assert what.startswith(f"{says.socket} is {state}, so ") and says.kind in what


def test_a_socket_that_is_not_enabled(says):
    assert says({"UnitFileState": "disabled"}) == [f"{says.socket} will not start with the next boot"]


@pytest.mark.parametrize("service_is", [CRASHED, {"ActiveState": "failed", "Result": "exit-code"}])
def test_a_service_that_does_not_start(says, service_is):
    (what,) = says({}, service_is)
    assert what.startswith(f"the program of the {says.kind} does not start (exit-code): ")


def test_files_that_systemd_has_not_read(says):
    (what,) = says({}, {"NeedDaemonReload": "yes"})
    assert what == f"the files of {says.service} have changed since systemd read them"
    assert f"{says.socket} is not loaded (not-found)" in says({"LoadState": "not-found"})
    assert f"{says.service} is not loaded (not-found)" in says({}, {"LoadState": "not-found", "FragmentPath": ""})


@pytest.mark.parametrize("service_is", [{}, CRASHED])
def test_metrics_without_a_place(says, service_is):
    says.path.rmdir()
    if says.kind == "metrics":
        assert says({}, service_is) == [f"{says.path} is missing, so the metrics stay as they are"]


def test_what_the_role_has_not_put_there_is_not_looked_at(says):
    says.mark.unlink()
    assert says({"ActiveState": "inactive"}, CRASHED) == []
