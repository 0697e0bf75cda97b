"""triggerctl logs: what journalctl is asked for."""

from argparse import Namespace

import pytest

from trigger import programs
from trigger.ctl import logs, main
from trigger.ctl.terminal import Screen


@pytest.fixture
def journalctl(tmp_path, monkeypatch, endpoint, capfdbinary):
    """Returns the words that it is called with."""
    program = tmp_path / "journalctl"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    program.chmod(0o755)
    monkeypatch.setattr(programs, "JOURNALCTL", str(program))
    settings = endpoint()
    monkeypatch.setattr(logs.status, "load", lambda _: settings)

    def asked(**options):
        arguments = Namespace(**{"name": "a", "id": None, "follow": False, "lines": None, "all": False, **options})
        assert logs.logs(arguments, Screen()) == 0
        return capfdbinary.readouterr().out.decode().split()

    return asked


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"all": True}, []),
        ({"all": True, "follow": True}, ["--follow", "--no-tail"]),  # or it would begin ten lines before the end
        ({"lines": 3}, ["--lines", "3"]),
        ({"lines": 3, "follow": True}, ["--lines", "3", "--follow"]),
    ],
)
def test_all_is_all_and_lines_are_the_last_ones(journalctl, options, words):
    assert journalctl(**options) == ["--unit", "trigger-run@a.service", *words]


def test_all_and_some_contradict_each_other(capsys):
    assert main.main(["logs", "a", "--all", "--lines", "3"]) == 2
    told = capsys.readouterr().err
    assert "not allowed with" in told and "[-n N | --all]" in told
