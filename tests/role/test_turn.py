"""Two runs of the role take turns, and metrics that are written elsewhere go."""

import os
import threading
from pathlib import Path

import front
import pytest
from ansible.module_utils import trigger_metrics
from ansible.module_utils.trigger_host import Mistake
from ansible.module_utils.trigger_turn import turn

from trigger.metrics import main as metrics

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="files are to be root's")


@pytest.fixture
def lock(tmp_path):
    return str(tmp_path / "lock")


def test_the_second_begins_when_the_first_has_ended(lock):
    order, begun, may_end = [], threading.Event(), threading.Event()

    def first():
        with turn(path=lock):
            begun.set()
            assert may_end.wait(30)
            order.append("first")

    def second():
        with turn(path=lock):
            order.append("second")

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    threads[0].start()
    assert begun.wait(30)
    threads[1].start()
    assert order == []
    may_end.set()
    for thread in threads:
        thread.join(30)
    assert order == ["first", "second"]
    assert not os.path.exists(lock)


@pytest.mark.parametrize("only_looks", [False, True])
def test_who_has_waited_long_enough_is_told_for_whom(lock, only_looks):
    with turn(path=lock):
        with pytest.raises(Mistake) as told, turn(only_looks, lock, patience=0):
            pytest.fail("two at once")
        assert os.stat(lock).st_mode & 0o777 == 0o600
    assert str(told.value) == (
        f"nothing was changed: this run of the role has waited 0 s for its turn; process {os.getpid()} has it now (it "
        f"holds {lock}). Run the playbook again when that has ended, or end it"
    )
    with turn(only_looks, lock, patience=0):
        pass


def test_a_run_that_failed_or_was_killed_is_in_nobodys_way(lock):
    with pytest.raises(ZeroDivisionError), turn(path=lock):
        1 / 0  # noqa: B018
    Path(lock).write_text("4194304\n")
    with turn(path=lock, patience=0):
        assert Path(lock).read_text() == f"{os.getpid()}\n"
    assert not os.path.exists(lock)


def test_who_only_looks_makes_no_file(lock):
    with turn(True, lock, patience=0):
        assert not os.path.exists(lock)


def test_nobody_is_led_elsewhere(lock, tmp_path):
    target = tmp_path / "target"
    target.write_text("of the host")
    os.symlink(target, lock)
    with pytest.raises(OSError, match="Too many levels"), turn(path=lock, patience=0):
        pass
    assert target.read_text() == "of the host"


def unit(directory):
    renderer = front.make_renderer(False)
    return renderer.render("etc/systemd/system/trigger-metrics.service", metrics_dir=str(directory))


@pytest.mark.parametrize("name", ["plain", "a b", '100% "quoted"', "back\\slash", "tab\there", "é"])
def test_where_a_unit_writes_is_read_from_it(name):
    assert trigger_metrics.directory(unit(f"/var/lib/{name}")) == f"/var/lib/{name}"


def test_no_unit_writes_nowhere():
    assert trigger_metrics.directory(b"") is None


@needs_root
def test_metrics_of_ours_are_stale_where_they_are_not_written_any_more(tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    for folder in (old, new):
        folder.mkdir()
        (folder / metrics.FILE).write_text(metrics.render([]))
    file = str(old / metrics.FILE)
    assert trigger_metrics.stale_metrics(unit(old), b"", []) == [file]
    assert trigger_metrics.stale_metrics(unit(old), unit(new), []) == [file]
    assert trigger_metrics.stale_metrics(unit(old), unit(old), []) == []
    assert trigger_metrics.stale_metrics(unit(new), unit(new), [file]) == [file]  # an earlier run was killed
    assert trigger_metrics.stale_metrics(b"", unit(old), [file]) == []  # and this one goes back
    (tmp_path / "link").symlink_to(old)
    assert trigger_metrics.stale_metrics(unit(tmp_path / "link"), unit(old), []) == []


@needs_root
def test_a_file_that_is_not_ours_is_never_stale(tmp_path):
    file = tmp_path / metrics.FILE
    file.write_text("# HELP node_disks Of somebody else.\n")
    assert trigger_metrics.stale_metrics(unit(tmp_path), b"", []) == []
    file.write_text(metrics.render([]))
    os.chown(file, 33, 33)
    assert trigger_metrics.stale_metrics(unit(tmp_path), b"", []) == []
    file.unlink()
    (tmp_path / "elsewhere").write_text(metrics.render([]))
    file.symlink_to("elsewhere")
    assert trigger_metrics.stale_metrics(unit(tmp_path), b"", []) == []
