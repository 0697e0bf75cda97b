"""Options, and a table of what the oracle counted at the end."""

import json

import oracle
import pytest


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="every system call is a step, and queues are long")
    parser.addoption("--fault", help="what has ended load.py")


@pytest.fixture
def is_long(request):
    return request.config.getoption("--long")


def pytest_terminal_summary(terminalreporter):
    totals = {}
    for line in oracle.COUNTS.read_text().splitlines() if oracle.COUNTS.exists() else ():
        fault, counts = json.loads(line)
        total = totals.setdefault(fault, {})
        for key, number in counts.items():
            total[key] = total.get(key, 0) + number
    for fault, total in totals.items():
        shown = ", ".join(f"{number} {key}" for key, number in total.items() if number)
        terminalreporter.write_line(f"{fault}: {shown}")
