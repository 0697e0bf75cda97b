"""What is written down twice is the same in both places, and what a document shows or points to is there."""

import re
import subprocess
from fnmatch import fnmatch
from pathlib import Path

import front
import http_corpus
import manual
import markers
import pytest
import reference
import yaml
from examples import yaml_blocks

import trigger
import trigger_endpoints
from trigger import execution, parameters
from trigger.ctl import main

PROJECT = Path(__file__).parents[2]
README = PROJECT / "README.md"
PAGES = sorted((PROJECT / "docs").glob("*.md"))
DOCUMENTS = [*sorted(PROJECT.glob("*.md")), *PAGES, PROJECT / "roles/trigger/README.md"]


def name_of(path):
    return str(path.relative_to(PROJECT))


# -- what is made ------------------------------------------------------------------------------------------------------


def test_the_tables_are_those_of_argument_specs():
    text = (PROJECT / "docs/reference.md").read_text(encoding="utf-8")
    assert markers.fill(text, reference.tables()) == text, "run `make docs`"


def test_the_page_of_triggerctl_is_its_manual():
    page = (PROJECT / "roles/trigger/files/triggerctl.8").read_text(encoding="utf-8")
    text = (PROJECT / "docs/triggerctl.md").read_text(encoding="utf-8")
    assert markers.fill(text, {"manual": manual.markdown(page)}) == text, "run `make docs`"


def test_a_manual_becomes_markdown():
    page = """.Nm tool
.Sh SYNOPSIS
.Nm
.Cm go
.Op Fl f | -force
.Op Fl -wait Op Ar TIME
.Sh DESCRIPTION
Some words,
.Bl -tag
.It Cm go
goes with
.Fl -force ,
see
.Xr other 1 .
.El
.Pp
The end
.Bd -literal
.Nm stays
.Ed
"""
    made = manual.markdown(page)
    assert "```\ntool go [-f | --force] [--wait [TIME]]\n```\n\n## Description\nSome words,\n" in made
    assert "\n- `go`: goes with `--force`, see other(1).\n\nThe end\n```\n.Nm stays\n```\n" in made


def test_a_manual_with_a_macro_that_is_not_known_is_refused():
    with pytest.raises(ValueError, match="Brq"):
        manual.markdown(".Nm tool\n.Sh SYNOPSIS\n.Nm\n.Sh DESCRIPTION\n.Brq text\n")


def test_the_role_s_defaults_are_those_of_argument_specs():
    defaults = yaml.safe_load((PROJECT / "roles/trigger/defaults/main.yml").read_text(encoding="utf-8"))
    options = reference.entry_points()["main"]
    assert defaults == {key: option["default"] for key, option in options.items()}


def test_what_is_supported_is_told_alike():
    (oldest,) = re.findall(r'">=([\d.]+)\.0"', (PROJECT / "meta/runtime.yml").read_text())
    of_role = yaml.safe_load((PROJECT / "roles/trigger/meta/main.yml").read_text())["galaxy_info"]
    lab = yaml.safe_load((PROJECT / "molecule/shared/inventory/hosts.yml").read_text())["all"]["hosts"]
    assert of_role["min_ansible_version"] == oldest
    assert of_role["platforms"] == [{"name": "Debian", "versions": [host["suite"] for host in lab.values()]}]
    *some, last = [host[len("debian") :] for host in lab]
    told = f"Debian {', '.join(some)} and {last}, controllers with ansible-core {oldest} and later"
    assert told in README.read_text(encoding="utf-8")
    assert f"| {oldest} (Debian 12's own)" in (PROJECT / "docs/hosts.md").read_text(encoding="utf-8")
    assert f"ansible-core {oldest} or later" in (PROJECT / "docs/getting-started.md").read_text(encoding="utf-8")


def test_the_page_of_files_has_each_that_the_role_installs():
    text = (PROJECT / "docs/files-and-units.md").read_text(encoding="utf-8")
    told = [path.replace("NAME", "*") for path in re.findall(r"`([^`\s]+)`", text)]
    patterns = [(path if path[0] == "/" else f"*/{path}") + ("*" if path[-1] == "/" else "") for path in told]
    endpoint = front.endpoint(schedule={"on_calendar": ["daily"]})
    paths = {*front.shared_paths(), *front.files(endpoint)}
    assert len(paths) > 20
    assert [path for path in paths if not any(fnmatch(path, pattern) for pattern in patterns)] == []


def test_triggerctl_s_exit_statuses_are_told_alike(capsys):
    page = (PROJECT / "roles/trigger/files/triggerctl.8").read_text().partition(".Sh EXIT STATUS")[2]
    statuses = re.findall(r"^\.It (\d+)", page, re.MULTILINE)
    assert len(statuses) > 7
    assert main.main(["--help"]) == 0
    assert re.findall(r"^  (\d+) ", capsys.readouterr().out, re.MULTILINE) == statuses


def test_the_limits_of_parameters_are_told_where_they_are_met():
    page = (PROJECT / "docs/parameters.md").read_text(encoding="utf-8")
    described = str(reference.entry_points()["endpoint"]["parameters"]["options"]["max_length"]["description"])
    for limit in (parameters.TOTAL_LIMIT, trigger_endpoints.parameters.LENGTH_LIMIT):
        assert f" {limit} " in page and f" {limit}" in described
    assert f" {execution.STRING_LIMIT - 1} bytes" in page


def test_the_number_of_hostile_messages():
    (told,) = re.findall(
        r"`tests/support/http_corpus.py` holds (\d+) messages", (PROJECT / "docs/design.md").read_text()
    )
    assert int(told) == len(http_corpus.CASES)


# -- examples ----------------------------------------------------------------------------------------------------------


def endpoints(document):
    """The items of trigger_endpoints that a document shows: list of dict."""
    found = []
    for block in yaml_blocks(document):
        plays = [item for item in block if "roles" in item] if isinstance(block, list) else []
        roles = [role for play in plays for role in play["roles"]]
        found += [item for role in roles for item in role["vars"]["trigger_endpoints"]]
        found += [item for item in block if "job" in item] if isinstance(block, list) else []
    return found


def variables(name, document):
    """The one block of a document that sets a variable of the role: dict."""
    (block,) = [block for block in yaml_blocks(document) if isinstance(block, dict) and name in block]
    return block


def read_secret(_):
    return b"a secret of the example"


@pytest.mark.parametrize("document", [page for page in DOCUMENTS if endpoints(page)], ids=name_of)
def test_the_examples_are_endpoints_that_the_role_takes(document):
    shown = endpoints(document)
    # README shows one endpoint, and then again what becomes of it
    for group in [shown[:1], shown[1:]] if document == README else [shown]:
        defaults = variables("trigger_defaults", PROJECT / "docs/getting-started.md")["trigger_defaults"]
        trigger_endpoints.prepare(group, defaults, reference.entry_points()["endpoint"], read_secret)


def test_there_are_examples():
    assert len(endpoints(README)) == 2
    assert len([one for page in PAGES for one in endpoints(page)]) > 15


def made_frontend(variables):
    prefix = "trigger_frontend_"
    options = {key[len(prefix) :]: option for key, option in reference.entry_points()["main"].items() if prefix in key}
    given = {key[len(prefix) :]: value for key, value in variables.items() if prefix in key}
    settings, wrong = trigger_endpoints.specification.complete(given, options)
    assert not wrong
    return trigger_endpoints.frontend.Frontend(settings)


@pytest.mark.parametrize("document", [README, PROJECT / "docs/frontend.md"], ids=name_of)
def test_the_front_end_takes_what_stands_behind_it(document):
    frontend = made_frontend(variables("trigger_frontend", document))
    behind = [one for one in endpoints(document) if document != README or "auth" not in one]
    assert behind
    trigger_endpoints.prepare(behind, {}, reference.entry_points()["endpoint"], read_secret, frontend)


def test_the_scenario_of_one_s_own_names_what_is_there():
    (block,) = yaml_blocks(PROJECT / "docs/testing.md")
    paths = re.findall(r"/trigger/(molecule/[\w/.]+|roles)", yaml.safe_dump(block))
    assert len(paths) > 4
    assert [path for path in paths if not (PROJECT / path).exists()] == []


# -- where it leads ----------------------------------------------------------------------------------------------------


def anchors(document):
    """As GitHub makes them of the headings: set of str."""
    text = re.sub(r"^```.*?^```", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.*)", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_each_link_leads_to_a_file_and_a_heading(document):
    text = document.read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'(?:src|srcset)="([^"]+)"', text)
    dead = []
    for target in targets:
        path, _, anchor = target.partition("#")
        file = (document.parent / path) if path else document
        if "://" not in target and not (file.exists() and (not anchor or anchor in anchors(file))):
            dead.append(target)
    assert dead == []


def test_the_index_has_every_page():
    index = (PROJECT / "docs/README.md").read_text(encoding="utf-8")
    assert [page.name for page in PAGES if page.name != "README.md" and f"({page.name})" not in index] == []


def test_the_readme_is_short_and_begins_with_use():
    lines = README.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 150
    assert "ansible-playbook -i HOST, -u root hello.yml" in lines[:60]


def test_messages_are_those_that_programs_have():
    """Of each message in the tables of troubleshooting, three words in a row stand in a program or a template."""
    text = (PROJECT / "docs/troubleshooting.md").read_text(encoding="utf-8")
    messages = re.findall(r"^\| `([^`]+)`", text, re.MULTILINE)
    for of_systemd in ("Failed at step …", "Job for trigger-root.service failed"):
        messages.remove(of_systemd)
    assert len(messages) > 10
    files = [path for path in (PROJECT / "roles/trigger").rglob("*") if path.suffix in (".py", ".j2", ".yml")]
    source = "\n".join(path.read_text(encoding="utf-8") for path in files)
    assert [message for message in messages if not has_three_words_of(message, source)] == []


def has_three_words_of(message, source):
    words = message.split()
    return any(" ".join(words[begin : begin + 3]) in source for begin in range(len(words) - 2))


# -- for who carries on ------------------------------------------------------------------------------------------------

SCENARIOS = sorted(path.parent.name for path in (PROJECT / "molecule").glob("*/molecule.yml"))


def test_the_workflow_runs_every_scenario():
    workflow = yaml.safe_load((PROJECT / ".github/workflows/test.yml").read_text())
    assert sorted(workflow["jobs"]["molecule"]["strategy"]["matrix"]["scenario"]) == SCENARIOS


def test_every_scenario_is_told_of():
    text = (PROJECT / "docs/development.md").read_text(encoding="utf-8").partition("## Scenarios")[2]
    assert sorted(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) == SCENARIOS


def test_a_commit_is_looked_at_by_the_linters_of_make_lint():
    hooks = yaml.safe_load((PROJECT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    steps = re.findall(r"step 'lint: [^']+' (.+)", (PROJECT / ".ci/test").read_text())
    assert len(steps) > 3
    assert sorted(hook["entry"] for hook in hooks) == sorted(f".venv/bin/{step}" for step in steps)


def test_the_commands_of_make_are_there():
    told = {target for page in DOCUMENTS for target in re.findall(r"`make ([a-z-]+)", page.read_text(encoding="utf-8"))}
    listed = subprocess.run(["make", "help"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    assert told - set(re.findall(r"^  make ([a-z-]+)", listed, re.MULTILINE)) == set()


def test_a_tag_that_is_not_the_version_is_no_release():
    done = subprocess.run([PROJECT / ".ci/release", "v0.0.0"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("the tag is v0.0.0, and galaxy.yml says ")


def test_the_version_is_that_of_the_changelog():
    version = yaml.safe_load((PROJECT / "galaxy.yml").read_text())["version"]
    assert re.findall(r"^## \[([\d.]+)\] - ", (PROJECT / "CHANGELOG.md").read_text(), re.MULTILINE)[0] == version
    assert version == trigger.VERSION
