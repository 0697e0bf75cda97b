"""What is written down twice is the same in both places."""

import re
from pathlib import Path

import http_corpus
import readme_tables
import yaml
from examples import yaml_blocks

import trigger_endpoints
from trigger.ctl import main

PROJECT = Path(__file__).parents[2]
README = PROJECT / "README.md"


def test_the_tables_are_those_of_argument_specs():
    text = README.read_text(encoding="utf-8")
    assert readme_tables.fill(text, readme_tables.tables()) == text, "run `make docs`"


def test_the_role_s_defaults_are_those_of_argument_specs():
    defaults = yaml.safe_load((PROJECT / "roles/trigger/defaults/main.yml").read_text(encoding="utf-8"))
    options = readme_tables.entry_points()["main"]
    assert defaults == {key: option["default"] for key, option in options.items()}


def test_the_recipes_are_endpoints_that_the_role_takes():
    blocks = yaml_blocks(README)
    recipes = [item for block in blocks if isinstance(block, list) for item in block if "job" in item]
    play = blocks[0][0]["roles"][0]["vars"]["trigger_endpoints"]
    defaults = [block["trigger_defaults"] for block in blocks if "trigger_defaults" in block]
    assert len(recipes) >= 6
    assert len(defaults) == 1
    options = readme_tables.entry_points()["endpoint"]

    def read_secret(_):
        return b"a secret of the example"

    trigger_endpoints.prepare(recipes + play, defaults[0], options, read_secret)
    (frontend,) = [block for block in blocks if "trigger_frontend" in block]
    behind = [recipe for recipe in recipes if "frontend" in recipe]
    assert len(behind) == 3
    trigger_endpoints.prepare(behind, {}, options, read_secret, made_frontend(frontend))


def made_frontend(variables):
    prefix = "trigger_frontend_"
    options = {
        key[len(prefix) :]: option for key, option in readme_tables.entry_points()["main"].items() if prefix in key
    }
    given = {key[len(prefix) :]: value for key, value in variables.items() if prefix in key}
    settings, wrong = trigger_endpoints.specification.complete(given, options)
    assert not wrong
    return trigger_endpoints.frontend.Frontend(settings)


def test_the_number_of_hostile_messages():
    (told,) = re.findall(
        r"`tests/support/http_corpus.py` holds (\d+) messages", (PROJECT / "ARCHITECTURE.md").read_text()
    )
    assert int(told) == len(http_corpus.CASES)


def test_triggerctl_s_exit_statuses_are_told_alike():
    table = README.read_text(encoding="utf-8").partition("| exit status | meaning |")[2].partition("\n\n")[0]
    manual = (PROJECT / "roles/trigger/files/triggerctl.8").read_text().partition(".Sh EXIT STATUS")[2]
    statuses = re.findall(r"^\| (\d+) \|", table, re.MULTILINE)
    assert len(statuses) > 7
    assert re.findall(r"^\.It (\d+)", manual, re.MULTILINE) == statuses
    assert re.findall(r"^  (\d+) ", main._EXIT_STATUS, re.MULTILINE) == statuses


def test_the_files_that_the_documents_link_to_are_there():
    for document in (README, PROJECT / "ARCHITECTURE.md", PROJECT / "roles/trigger/README.md"):
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"
