""".ci/count: what the last lines of a CI say."""

import subprocess
import sys
from pathlib import Path

import pytest

COUNT = Path(__file__).parents[2] / ".ci/count"


@pytest.fixture
def count(tmp_path):
    def count(log, code=0):
        (tmp_path / "log").write_text(log)
        command = [sys.executable, str(COUNT), str(tmp_path / "log"), str(code)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        return done.returncode, done.stdout.splitlines()

    return count


PASSED = """
        test_a.py::test_one PASSED                                       [ 50%]
        test_a.py::test_two[a b] PASSED                                  [100%]
        ============================== 2 passed in 0.51s ===============================
PASS  unit: pytest                                1 s
"""
FAILED = """
        test_a.py::test_one FAILED                                       [ 50%]
        test_b.py::test_two ERROR                                        [100%]
        FAILED test_c.py::test_three - assert 1 == 2
        =================== 2 failed, 1 passed, 1 error in 0.51s ===================
FAIL  molecule: auth                            142 s
"""


def test_tests_and_steps_are_counted(count):
    assert count(PASSED) == (0, ["3 passed, 0 failed"])


def test_what_has_failed_is_named(count):
    names = ["test_a.py::test_one", "test_b.py::test_two", "test_c.py::test_three"]
    assert count(FAILED, 2) == (1, [*(f"failed: {name}" for name in names), "1 passed, 4 failed"])


def test_a_make_that_was_stopped_has_failed(count):
    assert count(PASSED, 2) == (1, ["3 passed, 1 failed"])
    assert count("") == (1, ["0 passed, 0 failed"])


def test_a_megabyte_without_a_space_takes_no_hour(count):
    """A test may print a body, a page, or a picture."""
    assert count(PASSED + "x" * 5_000_000 + PASSED) == (0, ["6 passed, 0 failed"])
