"""Deliveries as their senders shape them (deliveries.json) start a deployment, and only pushes to main do.

Headers and the outline of the bodies are from:
GitHub   https://docs.github.com/webhooks/webhook-events-and-payloads
GitLab   doc/user/project/integrations/webhook_events.md and webhooks.md, app/services/web_hook_service.rb
Gitea    services/webhook/deliver.go, which signs the JSON of a form, not the form
Forgejo  services/webhook/default.go and shared/payloader.go
Gogs     internal/database/webhook.go
"""

import secrets

import pytest
from callers import DELIVERIES, PORTS, SECRETS, delivery, nothing_starts, seen_by_job
from host import exchange, field, record_of, request_id, status

EVENTS = {
    "github": ("HTTP_X_GITHUB_EVENT", "push", "ping"),
    "gitea": ("HTTP_X_GOGS_EVENT", "push", "create"),
    "gitlab": ("HTTP_X_GITLAB_EVENT", "Push Hook", "Tag Push Hook"),
    "gitlab-signed": ("HTTP_X_GITLAB_EVENT", "Push Hook", "Tag Push Hook"),
}

every_sender = pytest.mark.parametrize("sent", DELIVERIES, ids=[sent["name"] for sent in DELIVERIES])


@every_sender
def test_a_push_starts_the_job_with_branch_and_commit(sent):
    name = sent["endpoint"]
    commit = secrets.token_hex(20)
    message, body = delivery(sent, commit)
    identifier = request_id(exchange(PORTS[name], message))
    seen = seen_by_job(name, identifier)
    assert seen["argv"] == ["--branch=refs/heads/main", commit]
    environment = seen["environment"]
    assert environment["TRIGGER_PARAM_BRANCH"] == "refs/heads/main"
    assert environment["TRIGGER_PARAM_COMMIT"] == commit
    variable, event, _ = EVENTS[name]
    # Of all the headers, the one that was asked for.
    assert {key: environment[key] for key in environment if key.startswith("HTTP_")} == {variable: event}
    assert seen["stdin"].encode("latin-1") == body
    assert record_of(name, identifier)["parameters"] == {"branch": "refs/heads/main", "commit": commit}


@every_sender
def test_another_branch_or_event_is_ignored_and_the_sender_content(sent):
    name = sent["endpoint"]
    with nothing_starts(name):
        for change in ({"branch": "refs/heads/topic"}, {"event": EVENTS[name][2]}):
            message, _ = delivery(sent, secrets.token_hex(20), **change)
            answer = exchange(PORTS[name], message)
            assert status(answer) == 200
            assert answer.partition(b"\r\n\r\n")[2].startswith(b"ignored: ")
            assert field(answer, "X-Request-Id") is None


def test_with_a_signing_token_gitlab_has_to_sign():
    """The other token alone, which GitLab sends beside it, does not count."""
    sent = next(sent for sent in DELIVERIES if sent["name"] == "GitLab 19, token")
    message, _ = delivery(sent, secrets.token_hex(20))
    assert SECRETS["gitlab"].encode() in message
    with nothing_starts("gitlab-signed"):
        assert status(exchange(PORTS["gitlab-signed"], message)) == 401
    request_id(exchange(PORTS["gitlab"], message))
