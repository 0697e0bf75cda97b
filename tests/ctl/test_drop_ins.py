"""What the doctor says of drop-ins that others have made."""

import pytest

from trigger import paths
from trigger.ctl.doctor import drop_ins
from trigger.ctl.status import Sight

UNITS = paths.Units("hello")


@pytest.fixture
def says(tmp_path):
    def look(**contents):
        """contents: of drop-ins of the acceptor, in order, `_` for what a name cannot have."""
        found = []
        for name, content in contents.items():
            path = tmp_path / (name.replace("_", "-") + ".conf")
            path.write_text(content)
            found.append(str(path))
        states = {unit: {"FragmentPath": "", "DropInPaths": "", "Triggers": UNITS.acceptor} for unit in UNITS.all()}
        states[UNITS.acceptor]["DropInPaths"] = " ".join(found)
        seen = Sight("hello", states, False, [], [], None)
        return [finding.what.replace(str(tmp_path) + "/", "") for finding in drop_ins.findings(seen)]

    return look


OURS = "[Service]\nLoadCredential=auth:/etc/trigger/credentials/hello/acceptor/auth\n"
EMPTY = "[Service]\nLoadCredential=\n"


def test_who_takes_a_secret_away(says):
    what = "zzz.conf takes LoadCredential= from trigger@hello.service, so no secret reaches it"
    assert says(endpoint=OURS) == []
    assert says(endpoint=OURS, zzz=EMPTY) == [what]
    assert says(endpoint=OURS, zzz=EMPTY, zzzz_trigger=OURS) == []
    assert says(endpoint="[Service]\nMemoryMax=1G\n", zzz=EMPTY) == []


@pytest.mark.parametrize("line", ["ConditionPathExists=/a", "AssertHost=b", "ExecCondition=/bin/false"])
def test_what_keeps_a_service_from_starting(says, line):
    key = line.partition("=")[0]
    (what,) = says(endpoint=OURS, override=f"[Unit]\n# {line}\n{line}\n")
    assert what.startswith(f"override.conf has {key}=: while that does not hold, trigger@hello.service does not start")
    assert says(override=f"{key}=\n", zzz="ConditionsOfUse=none\nExecConditions=none\n") == []


PAGE = "trigger-frontend.service"


def test_what_is_there_for_all_endpoints_is_looked_at_as_well(tmp_path):
    """Its secret stands in the unit itself."""
    unit, taker, condition = (tmp_path / name for name in (PAGE, "zzz.conf", "zzzz.conf"))
    unit.write_text("[Unit]\nConditionPathExists=/of/the/role\n[Service]\nLoadCredential=frontend:/etc/secret\n")
    taker.write_text(EMPTY)
    condition.write_text("[Unit]\nConditionPathExists=/nowhere\n")

    def says(*found):
        state = {"FragmentPath": str(unit), "DropInPaths": " ".join(map(str, found))}
        return [(finding.endpoint, finding.what) for finding in drop_ins.of_service(None, PAGE, state, "take it out")]

    assert says() == []
    assert says(taker) == [(None, f"{taker} takes LoadCredential= from {PAGE}, so no secret reaches it")]
    ((endpoint, what),) = says(condition)
    assert endpoint is None
    assert what.startswith(f"{condition} has ConditionPathExists=: while that does not hold, {PAGE} does not start")


def test_a_unit_that_is_not_there_is_no_matter():
    assert list(drop_ins.of_service(None, PAGE, {"FragmentPath": "", "DropInPaths": ""}, "")) == []
