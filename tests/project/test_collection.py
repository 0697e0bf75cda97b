"""The project as a collection: built, installed and used as somebody would who takes it from Galaxy."""

import json
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
NAME = "trigger.trigger"
BIN = Path(sys.executable).parent

PLAY = """
- hosts: localhost
  gather_facts: false
  roles:
    - role: trigger.trigger.trigger
      vars:
        trigger_endpoints:
          - {name: a, user: nobody-of-that-name, job: {command: [/bin/true]}}
"""


def ansible(tool, *arguments, cwd, collections=None):
    environment = {
        "PATH": f"{BIN}:/usr/bin:/bin",
        "HOME": str(cwd),
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_COLLECTIONS_PATH": str(collections or cwd),
        "ANSIBLE_LOCALHOST_WARNING": "false",
    }
    return subprocess.run(
        [BIN / tool, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    # Without what lies about in a folder in which somebody works; the rest is for build_ignore.
    source = tmp_path_factory.mktemp("source") / "trigger"
    shutil.copytree(PROJECT, source, symlinks=True, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    target = tmp_path_factory.mktemp("archive")
    done = ansible("ansible-galaxy", "collection", "build", "--output-path", str(target), cwd=source)
    assert done.returncode == 0, done.stderr
    (made,) = target.iterdir()
    return made


@pytest.fixture(scope="module")
def installed(archive, tmp_path_factory):
    target = tmp_path_factory.mktemp("installed")
    done = ansible("ansible-galaxy", "collection", "install", "--offline", "-p", str(target), str(archive), cwd=target)
    assert done.returncode == 0, done.stderr
    return target


def test_it_holds_what_is_needed_and_no_more(archive):
    with tarfile.open(archive) as tar:
        names = {name.partition("/")[0] for name in tar.getnames()}
    documents = {"README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE"}
    wanted = {"FILES.json", "MANIFEST.json", *documents}
    assert names == wanted | {"docs", "files", "meta", "playbooks", "plugins", "roles"}


def test_its_documents_have_no_dead_links(installed):
    """But to what stays in the repository: the tests and benchmarks behind their claims and figures."""
    collection = installed / "ansible_collections/trigger/trigger"
    links = {
        (document.parent / link).resolve().relative_to(collection.resolve())
        for document in collection.rglob("*.md")
        for link in re.findall(r"\]\(([^)#\s]+)", document.read_text(encoding="utf-8"))
        if "://" not in link
    }
    assert len(links) > 100
    missing = {link for link in links if not (collection / link).exists()}
    assert {link.parts[0] for link in missing} <= {"bench", "molecule", "tests"}
    assert [str(link) for link in missing if not (PROJECT / link).exists()] == []


def test_every_plugin_of_the_role_is_linked():
    for linked, own in (("modules", "library"), ("action", "action_plugins"), ("module_utils", "module_utils")):
        files = sorted((PROJECT / "roles/trigger" / own).glob("*.py"))
        assert sorted(link.resolve() for link in (PROJECT / "plugins" / linked).iterdir()) == files
        assert files


def test_the_role_runs_from_it(installed, tmp_path):
    """As far as the look at the host, which finds that a user is missing: that is the module's own doing."""
    play = tmp_path / "play.yml"
    play.write_text(PLAY)
    done = ansible(
        "ansible-playbook", "-i", "localhost,", "-c", "local", str(play), cwd=tmp_path, collections=installed
    )
    assert "user: 'nobody-of-that-name' does not exist on this host" in done.stdout
    assert done.returncode == 2


def test_its_interface_is_documented(installed, tmp_path):
    done = ansible("ansible-doc", "-t", "role", "--json", NAME + ".trigger", cwd=tmp_path, collections=installed)
    entry_points = json.loads(done.stdout)[NAME + ".trigger"]["entry_points"]
    assert {"main", "endpoint"} == set(entry_points)
    assert "trigger_endpoints" in entry_points["main"]["options"]


def test_its_playbook_imports_hooks_of_webhook(installed, tmp_path):
    """The filter and the package behind it come with the collection, and the role's checks are found from there."""
    (tmp_path / "hooks.json").write_text('[{"id": "deploy", "execute-command": "/srv/deploy"}]')
    variables = ("-e", "hooks=hooks.json", "-e", "target=vars")
    done = ansible(
        "ansible-playbook", "trigger.trigger.import_webhook", *variables, cwd=tmp_path, collections=installed
    )
    assert "deploy: carried over as deploy" in done.stdout, done.stderr
    assert "name: deploy" in (tmp_path / "vars/trigger.yml").read_text()


def test_its_filter_is_of_use_to_other_playbooks(installed, tmp_path):
    hooks = '[{"id": "deploy", "execute-command": "/srv/deploy"}]'
    expression = f"{{{{ '{hooks}' | trigger.trigger.import_webhook }}}}"
    done = ansible(
        *("ansible", "localhost", "-m", "debug", "-a", f'msg="{expression}"'), cwd=tmp_path, collections=installed
    )
    assert "deploy: carried over as deploy" in done.stdout, done.stdout + done.stderr
