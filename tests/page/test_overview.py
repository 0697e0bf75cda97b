"""The list of the endpoints."""

import json
import time

import pytest
from page_host import claim, queue, record, request_id, visitor
from pages import again, icon, main, row, settle, submit

from trigger.page import form


def test_the_list_tells_of_each_endpoint(ask, host):
    made = host.put(description="Says hello")
    host.put("zz")
    now = time.time()
    ended = now - 60.5 * 3600  # told in days and hours, half of one from the next, however long this takes
    record(made, request_id(ended - 400), state="failed", exit_code=1, started=ended - 65, finished=ended)
    queue(made, *(request_id(now + number) for number in range(3)))
    claim(made, request_id(now))
    reply, page = ask()
    assert reply.status == 200
    assert page.one("h1").text == "Triggers on ci.example"
    assert page.one("title").text == "1 running, 2 waiting · Triggers on ci.example"
    assert row(page) == ["helloSays hello", "▶ Running ⋯ 2 waiting", "✗ Failed2d 12h ago, took 1min 5s", "Start"]
    assert row(page, 1) == ["zz", "○ Idle", "○ None yet", "Start"]
    assert [link["href"] for link in page.one("tbody").all("a")] == ["/hello/", "/zz/"]
    assert "alice" in page.one("header").text


def test_the_list_asks_again_while_something_goes_on(ask, host):
    made = host.put()
    other = host.put("other")
    assert again(ask()[1]) is None and ask()[1].one("title").text == "Triggers on ci.example"
    calm = icon(ask()[1])
    queue(made, request_id())
    claim(made, request_id())
    query = again(ask()[1])
    reply, part = ask("/" + query)
    assert [found.tag for found in part.content if not isinstance(found, str)] == ["title", "link", "main"]
    assert part.one("title").text == "1 running · Triggers on ci.example" and again(part) == query
    assert icon(part) != calm
    assert part.one(id="state-hello").text.strip() == "▶ Running"
    assert reply.reason == ""  # it would fill the journal
    record(made, request_id())
    part = ask("/" + query)[1]
    assert again(part) is None and icon(part) == calm
    assert part.one(id="last-hello").text.startswith("✓ Succeeded")
    # What nobody takes for now does not keep all that look at it awake.
    queue(other, request_id())
    assert again(ask()[1]) and ask()[1].one("title").text == "1 waiting · Triggers on ci.example"
    open(other.pause_mark, "w").close()
    assert again(ask()[1]) is None and ask()[1].one("title").text == "Triggers on ci.example"


def test_a_name_is_not_its_own_description(ask, host):
    host.put(description="hello")
    assert row(ask()[1])[0] == "hello"
    assert [part.tag for part in ask("/hello/")[1].one("main").content][:2] == ["h1", "div"]


def test_a_button_starts_what_needs_no_input(ask, host):
    made = host.put(parameters=[{"name": "p", "default": "x"}, {"name": "q"}])
    button = ask()[1].one("form")
    assert (button["action"], button["method"]) == ("/hello/start", "post")
    assert button.one("input")["value"] == visitor().token(made)
    assert button.one("button")["aria-label"] == "Start hello"


def test_the_list_is_in_the_order_in_which_people_look_below_headings(ask, host):
    groups = {"web10": None, "web2": "Databases", "web1": None, "db": "databases 2", "x": "Databases", "web": None}
    for name, group in groups.items():
        settle(host, host.put(name), group=group)
    shown = [
        found.text
        for found in ask()[1].one("main").all()
        if found.tag == "h2" or found.attributes.get("role") == "rowheader"
    ]
    assert shown == ["web", "web1", "web10", "Databases", "web2", "x", "databases 2", "db"]


def test_the_list_says_when_the_calendar_starts_a_run(ask, host):
    host.put("a", schedule={"on_calendar": ["*-01-01 03:00:00 UTC"]})
    host.put("b", schedule={"on_calendar": ["2001-01-01"]})
    page = ask()[1]
    (due,) = page.one("tbody").all("time")
    assert due["datetime"].endswith("-01-01T03:00:00.000Z") and row(page)[2] == f"○ None yetNext {due.text}"
    assert row(page, 1)[2] == "○ None yet"


def test_where_nobody_says_a_group_there_is_no_heading(ask, host):
    host.put()
    assert not ask()[1].all("h2") and len(ask()[1].all("table")) == 1


def test_what_asks_first_is_started_with_a_tick(ask, host):
    made = host.put(parameters=[{"name": "p", "default": "x"}])
    settle(host, made, confirm=True)
    page = ask()[1]
    assert not page.all("form") and page.one("a", class_="button")["aria-label"] == "Start… for hello"
    box = ask("/hello/")[1].one("input", type="checkbox")
    assert "required" in box.attributes and box["name"] == form.SURE
    reply, page = submit(ask, made, "p=y")
    assert reply.status == 400 and "Nothing is started before the box is ticked" in main(page)
    assert page.one("input", name="p")["value"] == "y" and "checked" not in page.one("input", name=form.SURE).attributes
    assert submit(ask, made, f"p=y&{form.SURE}=no")[0].status == 400
    assert submit(ask, made, f"p=y&{form.SURE}=yes")[0].status == 503  # there is no acceptor


def test_each_field_of_a_form_has_an_id_of_its_own(ask, host):
    """A label leads to the one with its id: with two, a click on the tick would go elsewhere."""
    names = ("sure", "latest", "field", "hint", "start", "token")
    made = host.put(parameters=[{"name": name, "description": "x"} for name in names])
    settle(host, made, confirm=True)
    ids = [found["id"] for found in ask("/hello/")[1].all() if "id" in found.attributes]
    assert len(set(ids)) == len(ids) > 2 * len(names)


def test_what_does_not_ask_takes_no_notice_of_a_tick(ask, host):
    made = host.put()
    assert not ask("/hello/")[1].all("input", type="checkbox")
    assert submit(ask, made, f"{form.SURE}=yes")[0].status == 503


def test_what_needs_input_is_led_to(ask, host):
    host.put(parameters=[{"name": "p", "required": True}])
    page = ask()[1]
    assert not page.all("form")
    assert page.one("a", class_="button")["href"] == "/hello/"


@pytest.mark.parametrize(
    ("keys", "more", "action", "links"),
    [
        (
            {"page": False, "methods": ["GET"], "parameters": [{"name": "p", "required": True}]},
            {},
            "Started by programs",
            [],
        ),
        ({"page": False}, {"handoff": True}, "Open", ["/hello/"]),
        ({"page": False, "auth": ["github"]}, {}, "Started by programs", []),
        ({"page": False, "auth": ["github"], "methods": ["GET"]}, {}, "Started by programs", []),
        ({"page": False, "methods": ["PUT"]}, {}, "Started by programs", []),
    ],
)
def test_what_has_no_form_is_listed_too(ask, host, keys, more, action, links):
    made = host.put(**keys)
    told = {key: value for key, value in vars(made).items() if key != "name"}
    host.write("hello", json.dumps({**told, **more}))
    page = ask()[1]
    assert row(page)[3] == action and row(page)[0] == "hello"
    assert [link["href"] for link in page.one("tbody").all("a")] == links
    assert not page.all("form")
    assert row(page)[1:3] == (["", ""] if more else ["○ Idle", ""])


@pytest.mark.parametrize(
    ("keys", "more"), [({}, {}), ({"page": False}, {"handoff": True}), ({"page": False, "auth": ["github"]}, {})]
)
def test_what_is_disabled_is_not_offered(ask, host, keys, more):
    made = host.put(**keys)
    queue(made, request_id())
    told = {key: value for key, value in vars(made).items() if key != "name"}
    host.write("hello", json.dumps({**told, **more, "state": "disabled"}))
    page = ask()[1]
    state = "○ Disabled" if more else "⋯ 1 waiting ○ Disabled"  # what waits still runs
    assert row(page)[1] == state and row(page)[3] == ""
    assert not page.one("tbody").all("form") and not page.one("tbody").all("a", class_="button")
    if not keys:
        page = ask("/hello/")[1]
        assert "It is disabled, so nobody can call it; you may look at its runs." in main(page)
        assert not page.all("form") and not ask(f"/hello/runs/{request_id()}")[1].all("form")
