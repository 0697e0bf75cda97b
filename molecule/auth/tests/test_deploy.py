"""playbooks/deploy.yml and files/deploy: a push of any sender brings its commit to the host, and nothing else does."""

import hashlib
import hmac
import json
import os
import urllib.parse
from pathlib import Path

import pytest
from callers import SECRETS
from host import exchange, field, journal, post, records, run, status, wait_for_record

PORT = 3010
REPOSITORY = Path("/srv/site.git")
CHECKOUT = Path("/var/lib/trigger/deploy/job/checkout")
KEY = SECRETS["deploy"].encode()


@pytest.fixture(scope="module", autouse=True)
def repository():
    # git reads no repository of another user, and the job runs as this one
    run("install", "--directory", "--owner=trigger", "--group=trigger", REPOSITORY)
    if not (REPOSITORY / "HEAD").exists():
        git(REPOSITORY, "init", "--quiet", "--bare", "--initial-branch=main")


def git(directory, *arguments):
    environment = {"HOME": "/tmp", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    names = [f"GIT_{who}_{what}=test" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")]
    command = ["runuser", "-u", "trigger", "--", "env", *names, "git", "-C", str(directory), *arguments]
    return run(*command, env=environment).strip()


def commit(branch):
    """Add a commit to a branch of the repository, and return its id, which no other has, however quick we are."""
    tip = REPOSITORY / "refs" / "heads" / branch
    parents = ["-p", tip.read_text().strip()] if tip.exists() else []
    tree = git(REPOSITORY, "hash-object", "-t", "tree", "-w", "/dev/null")
    made = git(REPOSITORY, "commit-tree", tree, "-m", f"A change, {os.urandom(4).hex()}", *parents)
    git(REPOSITORY, "update-ref", f"refs/heads/{branch}", made)
    return made


def deployed():
    return git(CHECKOUT, "rev-parse", "HEAD")


def push(ref, after):
    return json.dumps({"ref": ref, "after": after, "commits": []}).encode()


def signature(body):
    return hmac.new(KEY, body, hashlib.sha256).hexdigest()


def from_github(body):
    return post(body, fields=[f"X-Hub-Signature-256: sha256={signature(body)}", "Content-Type: application/json"])


def from_github_as_form(body):
    form = urllib.parse.urlencode({"payload": body}).encode()
    fields = [f"X-Hub-Signature-256: sha256={signature(form)}", "Content-Type: application/x-www-form-urlencoded"]
    return post(form, fields=fields)


def from_gitea_as_form(body):
    form = urllib.parse.urlencode({"payload": body}).encode()
    return post(
        form, fields=[f"X-Gitea-Signature: {signature(body)}", "Content-Type: application/x-www-form-urlencoded"]
    )


def from_gitlab(body):
    return post(body, fields=[f"X-Gitlab-Token: {SECRETS['deploy']}", "Content-Type: application/json"])


@pytest.mark.parametrize("send", [from_github, from_github_as_form, from_gitea_as_form, from_gitlab])
def test_a_push_is_deployed(send):
    pushed = commit("main")
    answer = exchange(PORT, send(push("refs/heads/main", pushed)))
    assert status(answer) == 202
    record = wait_for_record("deploy", field(answer, "X-Request-Id"))
    assert record["state"] == "succeeded", journal("trigger-run@deploy.service")
    assert record["parameters"] == {"ref": "refs/heads/main", "commit": pushed}
    assert deployed() == pushed


def test_a_commit_that_is_not_on_the_branch_is_not_deployed():
    before = commit("main")
    answer = exchange(PORT, from_github(push("refs/heads/main", before)))
    wait_for_record("deploy", field(answer, "X-Request-Id"))
    elsewhere = commit("topic")
    answer = exchange(PORT, from_github(push("refs/heads/main", elsewhere)))
    assert wait_for_record("deploy", field(answer, "X-Request-Id"))["state"] == "failed"
    assert deployed() == before


@pytest.mark.parametrize(
    ("ref", "after"),
    [("refs/heads/topic", "1" * 40), ("refs/tags/v1", "1" * 40), ("refs/heads/main", "0" * 40)],
)
def test_other_branches_tags_and_a_deleted_branch_are_ignored(ref, after):
    before = len(records("deploy"))
    answer = exchange(PORT, from_github(push(ref, after)))
    assert status(answer) == 200 and b"ignored: " in answer
    assert len(records("deploy")) == before


@pytest.mark.parametrize("after", ["--upload-pack=touch", "main", "$(id)", "1" * 39, "1" * 41, ""])
def test_what_is_no_commit_is_refused(after):
    answer = exchange(PORT, from_github(push("refs/heads/main", after)))
    assert status(answer) == 400 and b"commit: does not match the pattern" in answer


def test_a_wrong_signature_deploys_nothing():
    body = push("refs/heads/main", commit("main"))
    wrong = from_github(body).replace(b"sha256=", b"sha256=0")
    assert status(exchange(PORT, wrong)) == 401
    assert status(exchange(PORT, post(body, fields=["Content-Type: application/json"]))) == 401
