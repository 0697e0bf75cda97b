"""The play of the scenario `default` by other versions of Ansible, with the collection as it is built: Debian 12 has
the oldest that the role is for, and Debian 13 runs the newest release as well."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from host import exchange, request_id, run, wait_for_record

NEWEST = Path("/srv/newest")
OF_DEBIAN = ["ansible-playbook"]
BY_MODULE = ["python3", "-m", "ansible", "playbook"]
# Behind the front end, which makes the role install a package.
FRONT = {
    "trigger_frontend": True,
    "trigger_frontend_server_name": "test",
    "trigger_frontend_listen": ["127.0.0.1:8080"],
    "trigger_frontend_users": [{"name": "bob", "password": "correct horse battery"}],
}


@pytest.fixture(scope="module", autouse=True)
def collection():
    """Installed as a user does."""
    (archive,) = Path("/srv/collection").glob("*.tar.gz")
    run("ansible-galaxy", "collection", "install", "--force", "--offline", "--collections-path", "/srv", archive)
    play = Path("/srv/default/converge.yml").read_text().replace("role: trigger", "role: trigger.trigger.trigger")
    Path("/srv/default/play.yml").write_text(play)


@pytest.fixture(autouse=True)
def _without_nginx():
    yield
    run("apt-get", "purge", "--yes", "--autoremove", "nginx", "nginx-common")
    shutil.rmtree("/etc/nginx", ignore_errors=True)


def ansible(program, *options):
    """Run the play. Returns what Ansible says."""
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": "/srv", "ANSIBLE_LOCALHOST_WARNING": "false"}
    environment.update({"ANSIBLE_INJECT_FACT_VARS": "false", "ANSIBLE_NOCOLOR": "1"})
    if program == BY_MODULE:
        environment["PYTHONPATH"] = str(NEWEST)
    arguments = ["--inventory=localhost,", "--connection=local", "/srv/default/play.yml", *options]
    variables = {"ansible_python_interpreter": "/usr/bin/python3", **FRONT}
    arguments.append(f"--extra-vars={json.dumps(variables)}")
    done = subprocess.run([*program, *arguments], env=environment, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


@pytest.mark.parametrize("program", [OF_DEBIAN, BY_MODULE], ids=["of Debian", "the newest"])
def test_the_play_of_the_default_scenario(program):
    if program == BY_MODULE and not NEWEST.exists():
        pytest.skip("the newest Ansible wants a newer Python")
    first, second = ansible(program), ansible(program)
    assert "changed=2 " in first
    assert re.search(r"changed=0 .* failed=0", second), second
    assert wait_for_record("recipe", request_id(exchange(3000)))["state"] == "succeeded"
    said = first + second + ansible(program, "--extra-vars=trigger_state=absent")
    assert not re.search("warning(?!.*user nobody)|deprecat", said, re.IGNORECASE), said


def test_the_oldest_one_is_the_one_that_the_collection_asks_for():
    host = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines())
    if host["VERSION_ID"] != '"12"':
        pytest.skip("this host has a newer one")
    runtime = Path("/srv/ansible_collections/trigger/trigger/meta/runtime.yml").read_text()
    (oldest,) = re.findall(r'requires_ansible: ">=([\d.]+)\.0"', runtime)
    assert f"[core {oldest}." in run("ansible", "--version")
