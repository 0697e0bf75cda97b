"""What is left of a service that is started for a trial alone, and what is told of it."""

import resource

import front  # noqa: F401 - the role's own modules come with it
import pytest
from ansible.module_utils import trigger_systemd

SERVICE = "ExecStart=/bin/true\n"


@pytest.fixture
def trials(tmp_path, monkeypatch):
    directory = tmp_path / "system"
    directory.mkdir()
    monkeypatch.setattr(trigger_systemd, "TRIALS", str(directory))
    return directory


def test_a_unit_that_cannot_be_written_is_not_left_behind(trials):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            trigger_systemd.trial(SERVICE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(trials.iterdir())


def test_a_unit_that_cannot_even_be_made_is_told_as_that(trials):
    trials.rmdir()
    with pytest.raises(FileNotFoundError) as caught:
        trigger_systemd.trial(SERVICE)
    assert caught.value.__context__ is None


def test_a_trial_ends_and_who_fails_without_a_word_is_told_of_systemctl(trials, tmp_path, monkeypatch):
    """In place of systemctl stands what fails with the unit, as it finds it."""
    program = tmp_path / "systemctl"
    program.write_text(f'#!/bin/sh\ncat "{trials}/$3" "{trials}/$3.d/it.conf" >&2\nexit 1\n')
    program.chmod(0o755)
    monkeypatch.setattr(trigger_systemd, "SYSTEMCTL", str(program))
    monkeypatch.setattr(trigger_systemd, "JOURNALCTL", "/bin/true")
    with pytest.raises(trigger_systemd.Failed, match=r"(?s)\nTimeoutStartSec=30s\n.*\[Service\]\nNice=1"):
        trigger_systemd.trial(SERVICE, "Nice=1\n", "it.conf")
    assert not list(trials.iterdir())
