"""The programs of a host, one directory for each version of them."""

import os

import front  # noqa: F401, it lets the role's module_utils be imported
from ansible.module_utils.trigger_files import Link
from ansible.module_utils.trigger_host import earlier_versions


def test_the_present_one_is_never_among_the_earlier_ones_and_the_last_comes_last(tmp_path):
    for age, name in enumerate(("versions/c", "trigger", "versions/a", "versions/b")):
        (tmp_path / name).mkdir(parents=True)
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    (tmp_path / "jobs").mkdir()
    found = earlier_versions("versions/b", str(tmp_path))
    assert found == [f"{tmp_path}/{name}" for name in ("versions/a", "trigger", "versions/c")]


def test_where_there_is_none(tmp_path):
    assert earlier_versions("versions/a", str(tmp_path)) == []


def test_a_link_takes_the_place_of_what_was_there(tmp_path):
    path = str(tmp_path / "current")
    first = Link(path, "versions/a")
    assert (first.changed, first.diff()["before"], first.diff()["after"]) == (True, "", "-> versions/a\n")
    first.write()
    assert not Link(path, "versions/a").changed
    (tmp_path / ".current.new").write_text("of a run that was killed")
    second = Link(path, "versions/b")
    assert second.changed and second.diff()["before"] == "-> versions/a\n"
    second.write()
    assert os.readlink(path) == "versions/b"
    assert os.listdir(tmp_path) == ["current"]
