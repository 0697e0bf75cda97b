"""The page of one endpoint, and its form with the values of a run."""

import json
import shutil
import time

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from page_host import SECOND, claim, queue, record, request_id, visitor
from pages import DECLARED, GIVEN, again, icon, main, refusal, row, submit

from trigger import records
from trigger.page import form

# The page of one


def test_the_page_of_an_endpoint(ask, host):
    made = host.put(description="Says hello", parameters=[{"name": "p"}])
    reply, page = ask("/hello/")
    assert reply.status == 200
    assert page.one("h1").text == "hello" and "Says hello" in main(page)
    assert page.one("title").text == "hello · Triggers on ci.example"
    assert page.one("input", name=form.TOKEN)["value"] == visitor().token(made)
    assert page.one("nav").one("a")["href"] == "/"
    assert "Latest runs None yet." in main(page)


def test_the_latest_runs(ask, host):
    made = host.put()
    begin = time.time() - 60.5 * 3600  # told in days and hours, half of one from the next, however long this takes
    ids = [request_id(begin + number) for number in range(12)]
    for each in ids[:9]:
        record(made, each, started=begin, finished=begin + 3.2)
    queue(made, *ids[9:])
    claim(made, ids[9])
    page = ask("/hello/")[1]
    links = [link["href"] for link in page.one("table").all("a")]
    assert links == [f"/hello/runs/{each}" for each in ids[:1:-1]]
    assert [row(page, number)[1:] for number in (0, 1, 2)] == [
        ["⋯ Waiting (number 2)", "", ""], ["⋯ Waiting (number 1)", "", ""], ["▶ Running", "", ""],
    ]  # fmt: skip
    assert row(page, 3)[:3] == ["2d 12h ago", "✓ Succeeded", "3.2s"]


def test_the_latest_runs_are_asked_for_again_while_one_goes_on(ask, host):
    made = host.put(parameters=[{"name": "p", "choices": ["a", "b"]}])
    one, other = request_id(), request_id(SECOND + 1)
    record(made, request_id(SECOND - 1))
    page = ask("/hello/")[1]
    assert again(page) is None and page.one("title").text == "hello · Triggers on ci.example"
    calm = icon(page)
    queue(made, one, other)
    claim(made, one)
    page = ask("/hello/")[1]
    assert page.one("title").text == "1 running, 1 waiting · hello · Triggers on ci.example" and icon(page) != calm
    record(made, one)
    part = ask("/hello/" + again(page))[1]
    # Nothing of the form comes again: somebody may be filling it in.
    assert [each["id"] for each in part.one("main").all() if "id" in each.attributes] == ["latest"]
    assert len(part.one("tbody").all("tr")) == 3 and "Running" not in main(part)
    record(made, other)
    part = ask("/hello/" + again(part))[1]
    assert again(part) is None and icon(part) == calm


def test_no_page_asks_again_that_shows_no_runs_or_what_was_typed(ask, host):
    made = host.put(users=None, parameters=[{"name": "p", "required": True}])
    record(made, request_id())
    queue(made, request_id(SECOND + 1))
    claim(made, request_id(SECOND + 1))
    assert again(ask("/hello/", user=None)[1]) is None
    assert again(submit(ask, made, "p=")[1]) is None
    assert again(ask(f"/hello/?like={request_id()}")[1]) is None
    assert again(ask("/hello/runs")[1]) is None


def test_the_latest_runs_are_not_asked_for_while_nobody_takes_them(ask, host):
    made = host.put()
    ids = [request_id(SECOND + number) for number in range(12)]
    queue(made, *ids)
    assert again(ask("/hello/")[1]) is not None
    claim(made, ids[0])  # which is older than all that are shown
    assert ask("/hello/")[1].one("title").text == "1 running, 11 waiting · hello · Triggers on ci.example"
    with open(made.pause_mark, "w"):
        pass
    page = ask("/hello/")[1]
    assert page.one("title").text == "1 running · hello · Triggers on ci.example" and again(page) is not None
    record(made, ids[0])
    assert again(ask("/hello/")[1]) is None


def test_the_latest_runs_tell_with_what_they_began_and_for_whom(ask, host):
    made = host.put(parameters=[
        {"name": "version"}, {"name": "target", "default": "staging"}, {"name": "password", "sensitive": True},
    ])  # fmt: skip
    told = [
        {"remote_user": "bob", "remote_addr": "192.0.2.7", "parameters": {"version": "1.2", "target": "staging"}},
        {"remote_user": None, "remote_addr": "192.0.2.8",
         "parameters": {"version": "x" * 41, "target": "a\nb", "password": "(sensitive)"}},
        # by a configuration of before
        {"remote_user": "<b>", "parameters": {"gone": "<i>", "password": "geheim", "version": "(sensitive)"}},
        {},
    ]  # fmt: skip
    for number, each in enumerate(told):
        record(made, request_id(SECOND + number), **each)
    page = ask("/hello/")[1]
    assert [row(page, number)[3:] for number in (3, 2, 1, 0)] == [
        ["bob", "version 1.2"],
        ["192.0.2.8", f"version {'x' * 40}…, target a\\nb"],
        ["<b>", "gone <i>"],
        ["", ""],
    ]


def test_a_run_that_has_served_several_requests_is_one_of_the_latest(ask, host):
    made = host.put()
    ids = [request_id(SECOND + number) for number in range(5)]
    record(made, *ids[:3])
    queue(made, *ids[3:])
    claim(made, *ids[3:])
    links = [link["href"] for link in ask("/hello/")[1].one("table").all("a")]
    assert links == [f"/hello/runs/{each}" for each in (ids[4], ids[2])]


# Run again


def test_a_run_leads_to_a_form_with_its_values(ask, host):
    made = host.put(parameters=DECLARED)
    settings = vars(made)
    (key,) = [each for each in settings["parameters"] if each["name"] == "key"]
    key["default"] = "geheim"  # as releases up to 0.3 took it
    host.write("hello", json.dumps(settings))
    one = record(made, request_id(), parameters=GIVEN)["id"]
    (again,) = [link["href"] for link in ask(f"/hello/runs/{one}")[1].all("a", class_="button")]
    reply, page = ask(again)
    assert reply.status == 200 and page.one("title").text.startswith("Run again: hello")
    assert "The form is filled in as for the run of" in main(page)
    form_of = page.one("form")
    assert (form_of["action"], form_of.one("input", name="version")["value"]) == ("/hello/start", "1.2 <b>")
    chosen = [option["value"] for option in form_of.all("option") if "selected" in option.attributes]
    assert chosen == ["production", "true"]
    assert "value" not in page.one(name="note").attributes
    # What is sensitive is not known here, which is said, and asked for when it is forgotten.
    assert page.one(id="again-password").text == "It is not kept here: type it again."
    assert not page.all(id="again-key") and "value" not in page.one(name="password").attributes
    assert page.one("input", name=form.EMPTIED)["value"] == "password"


def test_values_that_are_not_choices_any_more_are_not_chosen(ask, host):
    made = host.put(parameters=DECLARED)
    record(made, request_id(), parameters={"target": "moon", "dry-run": "perhaps", "version": "(sensitive)"})
    form_of = ask(f"/hello/?like={request_id()}")[1].one("form")
    chosen = [option["value"] for option in form_of.all("option") if "selected" in option.attributes]
    assert chosen == ["staging", "false"] and "value" not in form_of.one(name="version").attributes


@pytest.mark.parametrize("like", ["", "x", "..%2F..", request_id(SECOND + 1), request_id(SECOND + 2)])
def test_there_is_no_form_like_a_run_that_is_not_known(ask, host, like):
    record(host.put("other"), request_id(SECOND + 1))
    made = host.put()
    queue(made, request_id(SECOND + 2))
    assert refusal(ask, f"/hello/?like={like}").status == 404


def test_runs_that_cannot_be_read_leave_the_form(ask, host):
    made = host.put()
    shutil.rmtree(made.runs)
    page = ask("/hello/")[1]
    assert page.one("form") and "They cannot be read for now." in main(page)


def test_a_damaged_record_is_shown_as_that_and_the_others_as_they_are(ask, host):
    made = host.put()
    ids = [request_id(), request_id(SECOND + 1)]
    for each in ids:
        record(made, each)
    with open(records.path(made, ids[1]), "w") as file:
        file.write("{")
    told = main(ask("/hello/")[1])
    assert "Damaged" in told and "Succeeded" in told
    assert refusal(ask, f"/hello/runs/{ids[1]}").status == 503
    assert "Succeeded" in main(ask("/")[1])


NASTY = "</pre><script>alert(1)</script>\"'<!--"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(exclude_categories=("Cs",)), min_size=1), st.text(st.characters(), min_size=1))
@example(NASTY, NASTY)
def test_no_text_of_the_configuration_makes_an_element(ask, host, text, other):
    assume(text != "hello")  # a description that is the name is not shown

    def tags(description, pattern, user):
        made = host.put(parameters=[{"name": "p", "type": "integer"}])  # whose field is the same whatever its pattern
        made.parameters[0]["pattern"] = pattern
        told = {key: value for key, value in vars(made).items() if key != "name"}
        host.write("hello", json.dumps({**told, "description": description}))
        record(made, request_id(), remote_user=user)
        paths = ("/", "/hello/", f"/hello/runs/{request_id()}")
        return [[(found.tag, sorted(found.attributes)) for found in ask(path)[1].all()] for path in paths]

    assert tags(text, other, text) == tags("x", "x", "x")
