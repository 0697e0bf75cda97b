import contextlib
import os

import pytest
from front import HOSTS, look, runs


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """The hosts are looked at side by side, each in one process (pytest-xdist)."""
    for item in items:
        if "host" in item.fixturenames:
            item.add_marker(pytest.mark.xdist_group(item.callspec.params["host"]))


@pytest.fixture(params=os.environ.get("FRONTS", " ".join(HOSTS)).split())
def host(request):
    """Each of the hosts."""
    return request.param


@pytest.fixture
def nothing_starts(host):
    """A context in which no request of the named endpoints is accepted; they stand where they do by default."""

    def latest(name):
        # Where nobody is asked for a password, nobody sees a list.
        return runs(host, f"/{name}/") if name != "open" else look(host)[1]

    @contextlib.contextmanager
    def watched(*names):
        before = {name: latest(name) for name in names}
        yield
        assert {name: latest(name) for name in names} == before

    return watched
