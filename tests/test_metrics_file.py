"""The file for node_exporter stands in a directory in which somebody else than root may write, too."""

import os
import stat

import pytest

from trigger import metrics


@pytest.mark.parametrize("make", [os.symlink, os.link])
def test_what_lies_in_the_way_leads_nowhere_else(tmp_path, make):
    other = tmp_path / "other"
    other.write_text("of somebody else")
    make(other, tmp_path / "trigger.prom.new")
    metrics._write(str(tmp_path / "trigger.prom"), "told 1\n")
    assert other.read_text() == "of somebody else"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "trigger.prom"]


def test_everybody_may_read_it(tmp_path):
    path = tmp_path / "trigger.prom"
    before = os.umask(0o077)
    try:
        metrics._write(str(path), "told 1\n")
    finally:
        os.umask(before)
    assert path.read_text() == "told 1\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
