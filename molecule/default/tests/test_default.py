from pathlib import Path


def test_converged():
    assert Path("/etc/trigger-mark").read_text()
