"""Where things are: the programs of a host and the role that installs them name the same places."""

from pathlib import Path

import pytest

from trigger import paths
from trigger_endpoints import checks, host

UNITS = Path(__file__).resolve().parents[1] / "roles/trigger/templates/etc/systemd/system"
PLACES = {name: place for name, place in vars(paths).items() if name.isupper() and place.startswith("/")}


@pytest.mark.parametrize("name", PLACES.keys() - {"METRICS_FIFO"})  # which the role reads there
def test_the_role_names_the_same_place(name):
    assert getattr(host.names, name) == PLACES[name]


def test_the_role_takes_the_names_that_programs_look_for():
    assert checks.NAME.pattern == host.names.NAME == paths.NAME


def test_the_role_calls_the_units_the_same():
    ours, theirs = paths.Units("hello"), host.names.Units("hello")
    assert vars(theirs) == vars(ours)
    assert (
        (theirs.fire, theirs.timer)
        == (ours.fire, ours.timer)
        == ("trigger-fire@hello.service", "trigger-fire@hello.timer")
    )


def test_each_unit_is_one_that_the_role_installs():
    of_all = [paths.ROOT_UNIT, paths.PAGE_SOCKET, paths.PAGE_SERVICE, paths.METRICS_SERVICE]
    units = [*paths.Units("hello").all(), *of_all]
    assert len(units) == len(set(units)) > 5
    for unit in units:
        assert (UNITS / (unit.replace("@hello.", "@.") + ".j2")).exists(), unit


def test_all_of_an_endpoint_carries_its_name():
    one, other = vars(paths.Paths("hello")), vars(paths.Paths("other"))
    assert len(set(one.values())) == len(one)
    assert {key: path.replace("hello", "other") for key, path in one.items()} == other
