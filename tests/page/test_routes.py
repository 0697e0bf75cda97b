"""Which page is shown to whom, and what it says; from requests as bytes to HTML, on real files."""

import json
import os
import re
import shutil
import time

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from page_host import (
    SECOND,
    SECRET,
    claim,
    fields,
    parsed,
    prints,
    queue,
    record,
    request_id,
    tree,
    visitor,
)

from trigger import http, records, runs
from trigger import output as job_output
from trigger.page import form, history, run
from trigger.page.access import Door, load_secret
from trigger.page.cgi_head import Head
from trigger.page.layout import Frame
from trigger.page.routes import Desk

FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def ask(host):
    """Asks for a page. Returns the status, and the page's elements, or the body that is no page."""
    desk = Desk(host.etc, lambda: False)

    def ask(path="/", method="GET", body=b"", **told):
        request = parsed(method, path, Content_Length=str(len(body)), Content_Type=FORM, **told)
        reply = desk.answer(Door(SECRET).enter(request), request, body)
        content = reply.body
        if reply.source is not None:
            content = b"".join(iter(reply.source.read, b""))
            reply.source.close()
        return reply, tree(content)

    return ask


def refusal(ask, *arguments, **told):
    with pytest.raises(http.Refusal) as caught:
        ask(*arguments, **told)
    return caught.value


def main(page):
    parts = [part if isinstance(part, str) else part.text for part in page.one("main").content]
    return " ".join(" ".join(parts).split())


# Who comes


def test_the_right_secret_lets_in():
    assert visitor().name == "alice"
    assert visitor(user=None).name == ""
    assert visitor().host == "ci.example"


@pytest.mark.parametrize("secret", [None, "", "x", SECRET[:-1], SECRET + "0", SECRET.upper(), f"{SECRET}, {SECRET}"])
def test_another_secret_does_not(secret):
    with pytest.raises(http.Refusal) as caught:
        Door(SECRET).enter(parsed(secret=secret))
    assert caught.value.status == 403


@pytest.mark.parametrize("secret", [None, "", "-", SECRET])
def test_without_a_secret_of_our_own_nobody_is_let_in(secret):
    with pytest.raises(http.Refusal) as caught:
        Door(None).enter(parsed(secret=secret))
    assert caught.value.status == 503 and dict(caught.value.headers)["Retry-After"]


@pytest.mark.parametrize(
    ("content", "is_one"),
    [(SECRET + "\n", True), (SECRET, True), ("-", False), ("", False), (SECRET[:-1], False), ("g" + SECRET[1:], False),
     (SECRET + "ab", False), ("é" * 64, False), (" ".join(SECRET[:43]), False)],
)  # fmt: skip
def test_the_secret_is_64_hexadecimal_digits(tmp_path, monkeypatch, content, is_one):
    (tmp_path / "frontend").write_text(content)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    secret, problem = load_secret()
    assert (secret == SECRET) is is_one is (problem is None)
    if problem:
        assert "frontend is damaged or missing" in problem and (len(content) < 2 or content.strip() not in problem)


def test_a_credential_that_is_missing_is_told(tmp_path, monkeypatch):
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    assert load_secret()[0] is None
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert load_secret() == (None, "its secret cannot be loaded, requests are answered 503: No such file or directory")


def test_a_token_is_one_users_for_one_endpoint(host):
    one, other = host.put("one"), host.put("other")
    tokens = {visitor(user=user).token(each) for user in ("alice", "bob", None) for each in (one, other)}
    assert len(tokens) == 6 and all(re.fullmatch("[0-9a-f]{64}", token) for token in tokens)
    assert Door("f" * 64).enter(parsed(secret="f" * 64)).token(one) not in tokens


# Which page


PATHS = ["/x/", "/hello", "/hello/x", "//hello/", "/hello//", "/./hello/", "/x/../hello/", "/hello/../hello/",
         "/%68ello/", "/HELLO/", "/hello/start/", "/hello/starts", "/hello/runs/", "/hello/runs/x",
         "/hello/runs/..", f"/hello/runs/{request_id()}/", f"/hello/runs/{request_id()}/output",
         f"/hello/runs/{request_id().upper()}x", "/favicon.ico", "/hell", "/hello/hello/"]  # fmt: skip


SERVED = {"/", *("/hello/" + place for place in ("", "page", "start", "cancel", "runs"))}


@pytest.mark.parametrize("path", PATHS)
def test_nothing_else_exists(ask, host, path):
    host.put()
    for method in ("GET", "POST"):
        assert refusal(ask, path, method).status == 404


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="?#"), max_size=40))
@example("%00")
@example("runs/%2e%2e/x")
@example("page")
@example("hello/")
def test_no_path_leads_anywhere_else(ask, host, path):
    """Also of those that Hypothesis takes out of the code that it tests."""
    host.put()
    for each in {"/hello/" + path, "/" + path} - SERVED:
        assert refusal(ask, each).status == 404


@pytest.mark.parametrize(
    ("path", "method", "allowed"),
    [("/", "POST", "GET, HEAD"), ("/hello/", "POST", "GET, HEAD"), ("/hello/", "PUT", "GET, HEAD"),
     ("/hello/runs", "POST", "GET, HEAD"), ("/hello/start", "GET", "POST"), ("/hello/start", "HEAD", "POST"),
     ("/hello/cancel", "GET", "POST"),
     (f"/hello/runs/{request_id()}", "DELETE", "GET, HEAD")],
)  # fmt: skip
def test_methods(ask, host, path, method, allowed):
    host.put()
    told = refusal(ask, path, method)
    assert (told.status, dict(told.headers)) == (405, {"Allow": allowed})


def test_a_query_says_nothing(ask, host):
    host.put()
    assert ask("/hello/?p=x")[0].status == 200


@pytest.mark.parametrize("user", ["bob", None, "", "alice, alice", "Alice", "alic\xe9"])
def test_endpoints_of_others_are_not_shown(ask, host, user):
    host.put()
    one = record(host.put("own", users=["bob"]), request_id())["id"]
    for path, method in (("/hello/", "GET"), ("/hello/start", "POST"), (f"/hello/runs/{one}", "GET")):
        assert refusal(ask, path, method, user=user and user.encode("latin-1").decode("latin-1")).status == 403
    assert "hello" not in main(ask(user=user)[1])


def test_where_nobody_is_asked_everybody_may(ask, host):
    host.put(users=None)
    for user in ("alice", None):
        assert ask("/hello/", user=user)[0].status == 200
        assert "hello" in main(ask(user=user)[1])


def test_an_endpoint_without_a_page_has_none(ask, host):
    host.put(page=False)
    for path, method in (("/hello/", "GET"), ("/hello/start", "POST"), (f"/hello/runs/{request_id()}", "GET")):
        assert refusal(ask, path, method).status == 404


# The list


def again(page):
    """The query by which a page asks for what is new, or None."""
    found = [element["data-again"] for element in page.all() if "data-again" in element.attributes]
    assert len(found) < 2
    return found[0] if found else None


def icon(page):
    return page.one("link", rel="icon")["href"]


def row(page, number=0):
    found = page.one("tbody").all("tr")[number]
    return [" ".join(cell.text.split()) for cell in found.content]


def test_the_list_tells_of_each_endpoint(ask, host):
    made = host.put(description="Says hello")
    host.put("zz")
    now = time.time()
    record(made, request_id(now - 400), state="failed", exit_code=1, started=now - 65)
    queue(made, *(request_id(now + number) for number in range(3)))
    claim(made, request_id(now))
    reply, page = ask()
    assert reply.status == 200
    assert page.one("h1").text == "Triggers on ci.example"
    assert page.one("title").text == "1 running, 2 waiting · Triggers on ci.example"
    assert row(page) == ["helloSays hello", "▶ Running ⋯ 2 waiting", "✗ Failedjust now, took 1min 5s", "Start"]
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


def settle(host, made, **keys):
    """Change what is said of the front end."""
    told = {key: value for key, value in vars(made).items() if key != "name"}
    host.write(made.name, json.dumps({**told, "frontend": {**made.frontend, **keys}}))


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


# Who may only look


PROGRAMS = {"page": False, "auth": ["github"]}


@pytest.mark.parametrize(("keys", "who"), [(PROGRAMS, "programs"), ({"users": ["bob"]}, "others")])
def test_who_may_only_look_sees_runs_and_no_way_to_start_one(ask, host, keys, who):
    made = host.put(**{"users": None, **keys})
    settle(host, made, viewers=["alice"], shows_runs=True)
    prints(made, b"no space left")
    record(made, request_id(), state="failed", exit_code=3)
    page = ask()[1]
    assert row(page)[3] == "Started by " + who and "Failed" in row(page)[2]
    assert [link["href"] for link in page.one("tbody").all("a")] == ["/hello/"]
    page = ask("/hello/")[1]
    assert f"It is started by {who}; you may look at its runs." in main(page)
    assert ask(f"/hello/?like={request_id()}")[1].one("title").text == page.one("title").text
    (link,) = page.one("tbody").all("a")
    shown = ask(link["href"])[1]
    assert "no space left" in main(shown) and "Run again" not in main(shown)
    assert len(ask("/hello/runs")[1].one("tbody").all("tr")) == 1
    claim(made, request_id(1))
    live = run.draw(Frame("ci.example", "alice"), made, runs.Runs(made), *runs.Runs(made).find_told(request_id(1)),
                    lambda: True, None)  # fmt: skip
    live = b"".join(iter(live.source.read, b""))
    for each in (page, shown, tree(live)):
        assert not each.all("form")
    for place in ("start", "cancel"):
        assert refusal(ask, "/hello/" + place, "POST", f"{form.TOKEN}=x".encode()).status in (403, 404)


@pytest.mark.parametrize("keys", [PROGRAMS, {"users": ["bob"]}])
@pytest.mark.parametrize("user", ["carol", "", None])
def test_nobody_else_may_look(ask, host, keys, user):
    settle(host, host.put(**{"users": None, **keys}), viewers=["alice"], shows_runs=True)
    for path in ("/hello/", "/hello/runs", f"/hello/runs/{request_id()}"):
        assert refusal(ask, path, user=user).status == 403
    assert "Failed" not in main(ask(user=user)[1]) and not ask(user=user)[1].all("a", href="/hello/")


def test_who_may_look_does_so_from_where_the_endpoint_is_called(ask, host):
    settle(host, host.put(users=["bob"]), viewers=["alice"], allow_from=["198.51.100.0/24"])
    assert refusal(ask, "/hello/").status == 403 and not ask()[1].all("table")


def test_runs_that_nobody_may_look_at_are_not_said_to_have_failed(ask, host):
    made = host.put(users=None, **PROGRAMS)
    record(made, request_id(), state="failed", exit_code=3)
    assert row(ask()[1])[1:] == ["○ Idle", "", "Started by programs"]
    assert refusal(ask, "/hello/").status == 404


def test_where_program_and_user_call_together_the_user_may_look(ask, host):
    settle(host, host.put(**PROGRAMS), shows_runs=True)
    assert "started by programs" in main(ask("/hello/")[1])
    assert refusal(ask, "/hello/", user="bob").status == 403


def test_no_link_leads_to_a_place_where_a_get_starts_a_run(ask, host):
    made = host.put(methods=["GET", "POST"], parameters=[{"name": "p", "required": True}])
    one = record(made, request_id())["id"]
    page = ask()[1]
    assert row(page)[3] == "Fill in…"
    assert {link["href"] for link in page.one("tbody").all("a")} == {"/hello/page"}
    shown = ask("/hello/page")[1]
    assert shown.one("form")["action"] == "/hello/start" and shown.one("input", name="p")
    again = submit(ask, made, "p=")[1]
    for each in (page, shown, again, ask(f"/hello/runs/{one}")[1]):
        links = {"/", "/hello/page", f"/hello/runs/{one}", f"/hello/page?like={one}", "#field-p"}
        assert {link["href"] for link in each.all("a")} <= links


def test_where_only_a_get_starts_there_is_a_button_for_it_and_no_link(ask, host):
    host.put(page=False, methods=["GET"])
    page = ask()[1]
    assert not page.one("tbody").all("a")
    assert (page.one("form")["action"], page.one("form")["method"]) == ("/hello/", "get")
    assert page.one("button")["aria-label"] == "Start hello"


@pytest.mark.parametrize(
    "keys", [{}, {"page": False}, {"page": False, "methods": ["GET"]}, {"page": False, "handoff": True}]
)
def test_what_nginx_refuses_to_an_address_is_not_offered_to_it(ask, host, keys):
    keys = dict(keys)
    handoff = keys.pop("handoff", False)
    made = host.put(**keys)
    told = {key: value for key, value in vars(made).items() if key != "name"}
    for networks, is_offered in ((["198.51.100.0/24"], False), ([], False), (["192.0.2.0/24"], True), (None, True)):
        told["frontend"] = {**made.frontend, "allow_from": networks}
        host.write("hello", json.dumps({**told, "handoff": handoff}))
        assert ("hello" in main(ask()[1])) == is_offered
        if keys.get("page", True) and not is_offered:
            assert refusal(ask, "/hello/").status == refusal(ask, "/hello/start", "POST").status == 403


def test_an_empty_list_says_what_to_do(ask, host):
    page = ask()[1]
    assert not page.all("table")
    assert "nothing here" in main(page) and "Ask whoever looks after this host" in main(page)


def test_what_cannot_be_read_does_not_take_the_list_down(ask, host, capsys):
    host.put("a")
    shutil.rmtree(host.put("b").claimed)
    made = host.put("c")
    with open(records.path(made, request_id()), "w") as file:
        file.write('{"state": "failed", "started": 1, "finished": 2, "duration": []}')
    host.write("d", "{")
    page = ask()[1]
    assert [row(page, number)[:3] for number in range(3)] == [
        ["a", "○ Idle", "○ None yet"],
        ["b", "? Not known", "○ None yet"],
        ["c", "○ Idle", "○ None yet"],
    ]
    assert "<4>d.json is left out" in capsys.readouterr().err


@pytest.mark.parametrize("schedule", [5, {}, {"on_calendar": 5}, {"on_calendar": [None]}, {"on_calendar": [["a"]]}])
def test_a_damaged_schedule_does_not_take_the_list_down(ask, host, schedule):
    host.put("a", schedule={"on_calendar": ["*-01-01 03:00:00 UTC"]})
    told = {key: value for key, value in vars(host.put("b")).items() if key != "name"}
    host.write("b", json.dumps({**told, "schedule": schedule}))
    host.put("c")
    page = ask()[1]
    assert "Next " in row(page)[2]
    assert [row(page, number)[1] for number in (1, 2)] == ["? Not known", "○ Idle"]


def test_a_table_stays_a_table_when_it_looks_like_cards(ask, host):
    host.put()
    table = ask()[1].one("table")
    roles = {"table": "table", "thead": "rowgroup", "tbody": "rowgroup", "tr": "row", "td": "cell"}
    for tag, role in roles.items():
        assert all(found["role"] == role for found in [table, *table.all()] if found.tag == tag)
    assert [(found["scope"], found["role"]) for found in table.all("th")] == [("col", "columnheader")] * 3 + [
        ("row", "rowheader")
    ]


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
    now = time.time()
    ids = [request_id(now - 100 + number) for number in range(12)]
    for each in ids[:9]:
        record(made, each, started=now - 3.2)
    queue(made, *ids[9:])
    claim(made, ids[9])
    page = ask("/hello/")[1]
    links = [link["href"] for link in page.one("table").all("a")]
    assert links == [f"/hello/runs/{each}" for each in ids[:1:-1]]
    assert [row(page, number)[1:] for number in (0, 1, 2)] == [
        ["⋯ Waiting (number 2)", "", ""], ["⋯ Waiting (number 1)", "", ""], ["▶ Running", "", ""],
    ]  # fmt: skip
    assert re.fullmatch(r"1min \d+s ago", row(page, 3)[0])
    assert row(page, 3)[1] == "✓ Succeeded" and re.fullmatch(r"3\.\ds", row(page, 3)[2])


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


# All runs


def listed(page):
    return [link["href"].rpartition("/")[2] for link in page.one("table").all("a")]


def test_all_runs_stand_on_pages_that_lead_to_each_other(ask, host, monkeypatch):
    monkeypatch.setattr(history, "ON_A_PAGE", 4)
    made = host.put()
    ids = [request_id(SECOND + number) for number in range(11)]
    for each in ids[:9]:
        record(made, each)
    queue(made, *ids[9:])
    claim(made, ids[9])
    newest = ids[::-1]
    assert "All 11 runs" in main(ask("/hello/")[1])
    (href,) = [link["href"] for link in ask("/hello/")[1].all("a") if link.text == "All 11 runs"]
    page = ask(href)[1]
    assert page.one("h1").text == "Runs of hello"
    seen = []
    way = ("1 to 4", "next"), ("5 to 8", "next"), ("9 to 11", "prev"), ("5 to 8", "prev"), ("1 to 4", None)
    for told, rel in way:
        assert f"{told} of 11, the newest first." in main(page)
        seen.append(listed(page))
        assert {link["rel"] for link in page.all("a") if "rel" in link.attributes} == {
            "1 to 4": {"next"}, "5 to 8": {"next", "prev"}, "9 to 11": {"prev"},
        }[told]  # fmt: skip
        if rel:
            page = ask(page.one("a", rel=rel)["href"])[1]
    assert seen == [newest[:4], newest[4:8], newest[8:], newest[4:8], newest[:4]]
    # A run that came meanwhile, and behind which two requests are under way, pushes none of them off the page.
    record(made, request_id(SECOND + 20))
    assert listed(ask(f"/hello/runs?before={newest[3]}")[1]) == newest[4:8]
    assert listed(ask(f"/hello/runs?after={newest[2]}")[1]) == [*newest[:2], request_id(SECOND + 20), newest[2]]


@pytest.mark.parametrize("query", ["?before=0", f"?before={request_id(SECOND - 1)}"])
def test_a_page_of_runs_may_be_empty(ask, host, query):
    record(host.put(), request_id())
    page = ask("/hello/runs" + query)[1]
    assert not page.all("table") and "There are none here." in main(page)
    assert "All" not in main(ask("/hello/")[1])


def test_a_damaged_record_takes_no_page_of_runs_down(ask, host):
    made = host.put()
    record(made, request_id())
    with open(records.path(made, request_id(SECOND + 1)), "w") as file:
        file.write("{")
    page = ask("/hello/runs")[1]
    assert [row(page, number)[1] for number in (0, 1)] == ["✗ Damaged", "✓ Succeeded"]
    shutil.rmtree(made.runs)
    assert refusal(ask, "/hello/runs").status == 503


# Run again


DECLARED = [
    {"name": "version", "required": True, "label": "Version to release"},
    {"name": "target", "choices": ["staging", "production"], "default": "staging"},
    {"name": "dry-run", "type": "boolean", "default": False},
    {"name": "password", "sensitive": True},
    {"name": "key", "sensitive": True},
    {"name": "note"},
]
GIVEN = {"version": "1.2 <b>", "target": "production", "dry-run": "true", "password": "(sensitive)",
         "key": "(sensitive)"}  # fmt: skip


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
    def tags(description, pattern, user):
        made = host.put(parameters=[{"name": "p", "type": "integer"}])  # whose field is the same whatever its pattern
        made.parameters[0]["pattern"] = pattern
        told = {key: value for key, value in vars(made).items() if key != "name"}
        host.write("hello", json.dumps({**told, "description": description}))
        record(made, request_id(), remote_user=user)
        paths = ("/", "/hello/", f"/hello/runs/{request_id()}")
        return [[(found.tag, sorted(found.attributes)) for found in ask(path)[1].all()] for path in paths]

    assert tags(text, other, text) == tags("x", "x", "x")


# The page of a run that is over


def facts(page):
    found = page.all("dl")[0].content
    return {found[i].text: found[i + 1].text for i in range(0, len(found), 2)}


def test_a_run_that_is_over(ask, host):
    made = host.put()
    one = request_id()
    claim(made, one)
    prints(made, b"<b>bold</b> & \x1b[31mred\xff\n")
    record(
        made, one, state="failed", exit_code=3, started=time.time() - 3.2, remote_user="bob", remote_addr="192.0.2.9"
    )
    reply, page = ask(f"/hello/runs/{one}")
    # nginx takes it in, so that a slow reader holds nothing here
    assert reply.status == 200 and "X-Accel-Buffering" not in dict(reply.headers)
    assert page.one("h1").text == "Run of hello"
    assert page.one("pre").text == "\n<b>bold</b> & red\ufffd\n"
    assert page.one("pre").one("span", class_="red").text == "red\ufffd\n"
    assert "✗ Failed. Its exit code was 3." in main(page)
    told = facts(page)
    assert (told["Asked for by"], told["From"], told["Request"]) == ("bob", "192.0.2.9", one)
    assert re.fullmatch(r"3\.\ds", told["Took"])
    assert [when.tag for when in page.one("dl").all("time")] == ["time"] * 3
    assert not page.all(class_="now") and not page.all(role="log") and not page.all(id="end")


def test_a_run_tells_with_what_it_began_but_for_what_is_sensitive(ask, host):
    made = host.put(parameters=DECLARED)
    record(made, request_id(), parameters={**GIVEN, "note": "two\nlines \u202e", "key": "geheim"})
    page = ask(f"/hello/runs/{request_id()}")[1]
    terms, values = ([part.text for part in page.all("dl")[1].all(tag)] for tag in ("dt", "dd"))
    assert terms == ["Version to release", "target", "dry-run", "note"]
    assert values == ["1.2 <b>", "production", "true", "two\nlines \\u202e"]
    assert "geheim" not in page.text and "(sensitive)" not in page.text


def test_a_line_feed_at_the_begin_is_not_lost(ask, host):
    made = host.put()
    claim(made, request_id())
    prints(made, b"\n\nx")
    record(made, request_id())
    assert ask(f"/hello/runs/{request_id()}")[1].one("pre").text == "\n\n\nx"


def test_no_output(ask, host):
    made = host.put()
    claim(made, request_id())
    record(made, request_id())
    assert "It printed nothing." in main(ask(f"/hello/runs/{request_id()}")[1])
    made = host.put("b", output_limit="0B")
    record(made, request_id())
    assert "What it prints is not kept here." in main(ask(f"/b/runs/{request_id()}")[1])


CGI = b"Content-Type: text/html\r\nStatus: 404 Gone\n\n\n<p>gone</p>\n"


@pytest.mark.parametrize(
    ("printed", "shown", "told"),
    [
        (CGI, "\n<p>gone</p>\n", "Its head said Status: 404, Content-Type: text/html."),
        (b"Location: /x\n\n", "", "Its head said Status: 302, Location: /x."),
        (b"Content-Type: text/plain\n\nA: b\n", "A: b\n", "Its head said Status: 200, Content-Type: text/plain."),
        (b"no head\n\nat all\n", "no head\n\nat all\n", None),
        (b"Content-Type: text/html\n", "Content-Type: text/html\n", None),
        (b"X: " + b"x" * 20000, "X: " + "x" * 20000, None),
        (b"", "", "It printed nothing."),
    ],
)
def test_the_head_of_a_cgi_is_for_whoever_waits_for_its_answer(ask, host, printed, shown, told):
    made = host.put(output="cgi", wait="5s")
    for state in ("succeeded", "failed"):
        claim(made, request_id())
        prints(made, printed)
        page = ask(f"/hello/runs/{record(made, request_id(), state=state)['id']}")[1]
        assert page.one("pre").text == "\n" + shown  # which HTML drops
        assert [found.text for found in page.one("main").all("p", class_="quiet")] == [told][: told is not None]


def lines(begin, end):
    return b"".join(b"line %08d of some length\n" % number for number in range(begin, end))


@pytest.mark.parametrize("output", ["plain", "cgi"])
def test_of_a_long_output_the_end_is_shown_and_how_much_is_above(ask, host, output):
    made = host.put(output=output, wait="5s", output_limit="10MiB")
    head = b"Content-Type: text/plain\n\n" if output == "cgi" else b""
    claim(made, request_id())
    prints(made, head + lines(0, 100_000))
    record(made, request_id())
    page = ask(f"/hello/runs/{request_id()}")[1]
    note, _, shown = page.one("pre").text.lstrip("\n").partition("\n")
    first = int(shown[5:13])
    assert shown.encode() == lines(first, 100_000) and run.SHOWN - 100 < len(shown) <= run.SHOWN
    assert note == f"{len(lines(0, first)) / 1024 / 1024:.1f} MiB of the output are above this. The whole output"
    assert page.one("pre").one("a")["href"] == f"/hello/runs/{request_id()}/output"


def test_of_a_long_output_that_goes_on_the_end_is_shown_and_what_follows(host):
    made = host.put(output_limit="10MiB")
    queue(made, request_id())
    claim(made, request_id())
    prints(made, lines(0, 100_000))
    live = Live(host, request_id()).until("line 00099999 of")
    assert b"line 00000000" not in live.come and b"above this" in live.come
    # What comes from now on is shown, however much.
    prints(made, lines(100_000, 150_000))
    record(made, request_id())
    shown = live.end().one("pre").text.lstrip("\n").partition("\n")[2]
    assert shown.encode() == lines(int(shown[5:13]), 150_000)


def test_an_output_of_one_line_is_shown_from_its_middle(ask, host):
    made = host.put()
    claim(made, request_id())
    prints(made, b"x" * 900_000)
    record(made, request_id())
    shown = ask(f"/hello/runs/{request_id()}")[1].one("pre").text.lstrip("\n").partition("\n")[2]
    assert shown == "x" * run.SHOWN


def test_an_output_that_nobody_can_fetch_is_shown_as_a_whole(ask, host):
    made = host.put(runs_api=False)
    claim(made, request_id())
    prints(made, lines(0, 20_000))
    record(made, request_id())
    page = ask(f"/hello/runs/{request_id()}")[1]
    assert page.one("pre").text.encode() == b"\n" + lines(0, 20_000)
    assert not [link for link in page.all("a") if "output" in link["href"]]


def test_an_output_can_be_had_as_a_file(ask, host):
    made = host.put()
    claim(made, request_id())
    prints(made, b"x")
    record(made, request_id())
    page = ask(f"/hello/runs/{request_id()}")[1]
    link = page.one("a", download=f"hello-{request_id()}.txt")
    assert (link.text, link["href"]) == ("Output as a file", f"/hello/runs/{request_id()}/output")
    claim(made, request_id(SECOND + 1))
    record(made, request_id(SECOND + 1))
    assert "as a file" not in main(ask(f"/hello/runs/{request_id(SECOND + 1)}")[1])


@pytest.mark.parametrize("size", [1, 2, 7, 4096])
def test_the_head_of_a_cgi_may_come_in_parts(host, size):
    head = Head()
    parts = [head.feed(CGI[place : place + size]) for place in range(0, len(CGI), size)]
    assert b"".join(parts) + head.end() == b"\n<p>gone</p>\n"
    assert head.told == "Status: 404, Content-Type: text/html"


def test_requests_that_one_run_has_served(ask, host):
    made = host.put()
    ids = [request_id(SECOND + number) for number in range(3)]
    record(made, *ids, remote_user="bob", remote_addr="192.0.2.9")
    assert facts(ask(f"/hello/runs/{ids[2]}")[1])["Asked for by"] == "bob"
    others = facts(ask(f"/hello/runs/{ids[0]}")[1])
    assert not {"Asked for by", "From"} & set(others) and others["Requests"] == "3, served by this one run"


def test_one_that_was_taken_back(ask, host):
    made = host.put()
    record(made, request_id(), state="cancelled", started=None, exit_code=None)
    page = ask(f"/hello/runs/{request_id()}")[1]
    assert "Cancelled. It was taken back before it began." in main(page)
    assert set(facts(page)) == {"Accepted", "Finished", "Request"}


def test_a_run_of_another_endpoint_is_not_known(ask, host):
    record(host.put("other"), request_id())
    host.put()
    assert refusal(ask, f"/hello/runs/{request_id()}").status == 404


def test_a_run_that_cannot_be_read(ask, host):
    made = host.put()
    with open(records.path(made, request_id()), "w") as file:
        file.write("{")
    assert refusal(ask, f"/hello/runs/{request_id()}").status == 503


def test_a_record_of_an_earlier_version_has_no_user(ask, host):
    made = host.put()
    record(made, request_id())
    assert "Asked for by" not in facts(ask(f"/hello/runs/{request_id()}")[1])


# The page of a run that goes on


class Live:
    """The page as it arrives."""

    def __init__(self, host, one, leaving=lambda: False):
        request = parsed(path=f"/hello/runs/{one}?follow=1")
        self.source = Desk(host.etc, leaving).answer(visitor(), request, b"").source
        self.come = b""

    def more(self):
        """Take what is there. Returns whether the page goes on."""
        while True:
            part = self.source.read()
            if not part:
                return part is None
            self.come += part

    def until(self, text):
        deadline = time.monotonic() + 10
        while text.encode() not in self.come:
            assert self.more(), self.come
            assert time.monotonic() < deadline, self.come
        return self

    def end(self):
        deadline = time.monotonic() + 10
        while self.more():
            assert time.monotonic() < deadline, self.come
        self.source.close()
        return tree(self.come)


def test_output_arrives_as_it_is_printed_and_then_the_result(host):
    made = host.put()
    one = request_id()
    queue(made, one)
    claim(made, one)
    live = Live(host, one).until("<pre")
    assert b"Running" in live.come and b"Result" not in live.come
    for part in (b"first\n", b"<second>\n"):
        prints(made, part)
        live.until(part.decode().replace("<", "&lt;").replace(">", "&gt;"))
    euro = "€".encode()
    prints(made, euro[:1])
    assert live.more()
    before = live.come
    prints(made, euro[1:])
    live.until("€")
    assert live.come == before + euro
    assert b"</pre>" not in live.come and b"</main>" not in live.come
    record(made, one, state="failed", exit_code=4, remote_user="alice")
    page = live.end()
    assert page.one("pre").text == "\nfirst\n<second>\n€"
    assert page.one("pre")["role"] == "log"
    jump = page.one("a", href="#end")
    order = [found for found in page.all() if found in (jump, page.one(id="end"), page.one("pre"))]
    assert order == [jump, page.one(id="end"), page.one("pre")]
    result = page.one(role="status")
    assert "Failed. Its exit code was 4." in result.text and facts(page)["Asked for by"] == "alice"


def test_what_was_said_of_the_run_is_hidden_by_its_result(host):
    """The rule .now:has(~ .result) needs the two to be siblings, in this order."""
    made = host.put()
    queue(made, request_id())
    claim(made, request_id())
    live = Live(host, request_id()).until("Running")
    record(made, request_id())
    inside = [part.attributes.get("class") for part in live.end().one("main").content if not isinstance(part, str)]
    assert inside.index("now") < inside.index("result")


def test_the_place_in_the_queue_until_it_is_ones_turn(host, monkeypatch):
    monkeypatch.setattr(run, "LOOK_EVERY", 0)
    made = host.put()
    ids = [request_id(SECOND + number) for number in range(3)]
    queue(made, *ids)
    claim(made, ids[0])
    live = Live(host, ids[2]).until("number 2 in the queue")
    record(made, ids[0])
    claim(made, ids[1])
    live.until("number 1 in the queue")
    record(made, ids[1])
    claim(made, ids[2])
    prints(made, b"mine")
    live.until("Running").until("mine")
    record(made, ids[2])
    page = live.end()
    assert [found.text.split(" at ")[0].split(" from ")[0] for found in page.all(class_="now")] == [
        "⋯ Waiting: number 2 in the queue", "⋯ Waiting: number 1 in the queue", "▶ Running",
    ]  # fmt: skip
    assert "Succeeded" in page.one(class_="result").text


def test_a_request_that_is_taken_back_while_it_waits(host, monkeypatch):
    monkeypatch.setattr(run, "LOOK_EVERY", 0)
    made = host.put()
    queue(made, request_id())
    live = Live(host, request_id()).until("number 1")
    record(made, request_id(), state="cancelled", started=None, exit_code=None)
    page = live.end()
    assert "taken back" in page.one(class_="result").text and len(page.all(class_="now")) == 1


def test_a_run_of_which_no_record_is_kept(host, monkeypatch):
    monkeypatch.setattr(run, "MISS_EVERY", 0)
    made = host.put(keep_runs=0)
    queue(made, request_id())
    claim(made, request_id())
    prints(made, b"x")
    live = Live(host, request_id()).until("x")
    record(made, request_id())
    page = live.end()
    assert page.one("pre").text.endswith("x")
    assert "What became of it is not known" in page.one(class_="result").text


def test_a_page_ends_when_this_process_leaves(host):
    leaving = []
    made = host.put()
    queue(made, request_id(), request_id(SECOND + 1))
    claim(made, request_id())
    pages = [Live(host, request_id(), lambda: leaving), Live(host, request_id(SECOND + 1), lambda: leaving)]
    pages[0].until("<pre")
    pages[1].until("number 1")
    leaving.append(True)
    for page in (live.end() for live in pages):
        assert "The run goes on, but this page cannot follow it any longer." in main(page)
        assert not page.all(class_="result") and "printed nothing" not in main(page)


def test_records_that_become_unreadable_end_the_page_orderly(host, capsys):
    made = host.put()
    queue(made, request_id())
    claim(made, request_id())
    live = Live(host, request_id()).until("<pre")
    with open(records.path(made, request_id()), "w") as file:
        file.write("{")
    page = live.end()
    assert "What became of it is not known" in main(page)
    assert "<4>hello: a run cannot be read: " in capsys.readouterr().err


# The same as it is now, which asks again


def printed(page):
    """What a page shows of an output: (text, classes)."""
    pieces = page.one("pre").content
    assert pieces[0][0] == "\n"  # which HTML drops
    pieces[0] = pieces[0][1:]
    shown = [(piece, "") if isinstance(piece, str) else (piece.text, piece["class"]) for piece in pieces]
    return [(text, look) for text, look in shown if text]


def test_a_run_that_goes_on_is_shown_as_it_is_and_asked_for_what_is_new(ask, host):
    made = host.put()
    one = request_id()
    path = f"/hello/runs/{one}"
    queue(made, one)
    reply, page = ask(path)
    assert "X-Accel-Buffering" not in dict(reply.headers)
    assert page.one("title").text == "Waiting · Run of hello · Triggers on ci.example"
    assert "number 1 in the queue" in page.one(id="now").text and page.one("form", class_="cancel")
    assert page.one("noscript").one("meta")["content"] == "0; url=?follow=1"
    claim(made, one)
    prints(made, b"a\x1b[1;31mb\n\xe2\x82")
    reply, page = ask(path + again(page))
    assert [found.tag for found in page.content if not isinstance(found, str)] == ["title", "link", "main"]
    assert reply.reason == ""
    assert page.one("title").text == "Running · Run of hello · Triggers on ci.example"
    assert printed(page) == [("a", ""), ("b\n", "red bold")] and page.one("pre")["role"] == "log"
    assert "Running" in page.one(id="now").text and page.one(role="status").content == []
    page = ask(path + again(page))[1]
    assert printed(page) == []
    prints(made, b"\xacc")
    page = ask(path + again(page))[1]
    assert printed(page) == [("€c", "red bold")]
    query = again(page)
    prints(made, b"\x1b[md")
    record(made, one, exit_code=4, state="failed", remote_user="alice")
    page = ask(path + query)[1]
    assert page.one("title").text == "Failed · Run of hello · Triggers on ci.example"
    assert printed(page) == [("d", "")] and again(page) is None
    result = page.one(role="status")
    assert "Failed. Its exit code was 4." in result.text and facts(page)["Asked for by"] == "alice"
    assert page.one(id="now").content == page.one(id="cancel").content == []
    assert page.one(id="again").one("a").text == "Run again…"
    assert page.one(id="printed").one("a").text == "Output as a file"
    # All parts that change are there from the begin.
    assert {found["id"] for found in page.all() if "id" in found.attributes} == {
        "cancel", "now", "output", "end", "printed", "result", "again"
    }  # fmt: skip
    assert {"noscript"} & {found.tag for found in ask(path)[1].all()} == set()


def test_the_title_and_the_icon_tell_how_it_went(ask, host):
    made = host.put()
    icons = set()
    for number, state in enumerate(("succeeded", "failed", "cancelled")):
        record(made, request_id(number), state=state)
        page = ask(f"/hello/runs/{request_id(number)}")[1]
        assert page.one("title").text == state.capitalize() + " · Run of hello · Triggers on ci.example"
        icons.add(icon(page))
    icons.add(icon(ask("/hello/")[1]))
    queue(made, request_id())
    claim(made, request_id())
    icons.add(icon(ask(f"/hello/runs/{request_id()}")[1]))
    assert len(icons) == 5


@pytest.mark.parametrize("output", ["plain", "cgi"])
def test_of_a_long_output_what_follows_is_shown_when_it_is_asked_for_again(ask, host, output):
    made = host.put(output=output, wait="5s", output_limit="10MiB")
    path = f"/hello/runs/{request_id()}"
    queue(made, request_id())
    claim(made, request_id())
    head = b"Content-Type: text/plain\n\n" if output == "cgi" else b""
    prints(made, head[:9])
    page = ask(path)[1]
    assert page.one("pre").text == "\n"
    prints(made, head[9:] + lines(0, 100_000))
    page = ask(path + again(page))[1]
    note, _, shown = page.one("pre").text.lstrip("\n").partition("\n")
    assert "above this" in note and shown.encode() == lines(int(shown[5:13]), 100_000)
    prints(made, lines(100_000, 150_000))
    page = ask(path + again(page))[1]
    assert page.one("pre").text.encode() == b"\n" + lines(100_000, 150_000)
    query = again(page)
    prints(made, b"end")
    record(made, request_id())
    page = ask(path + query)[1]
    assert page.one("pre").text == "\nend"
    assert ("Its head said" in main(page)) == bool(head) and "printed nothing" not in main(page)


def test_a_run_of_which_no_record_is_kept_ends_on_its_page(ask, host):
    made = host.put(keep_runs=0)
    path = f"/hello/runs/{request_id()}"
    queue(made, request_id())
    claim(made, request_id())
    query = again(ask(path)[1])
    record(made, request_id())
    page = ask(path + query)[1]
    assert "What became of it is not known" in page.one(role="status").text and again(page) is None
    assert refusal(ask, path).status == 404


@pytest.mark.parametrize("query", ["", ".", "x", "-1.", "1.x", "1.on-", "1.red+x", "9" * 16 + ".", "%31.", "²."])
def test_what_no_page_asks_is_refused(ask, host, query):
    record(host.put(), request_id())
    path = f"/hello/runs/{request_id()}?again="
    assert refusal(ask, path + query.encode().decode("latin-1")).status == 400
    assert printed(ask(path + "999999.red")[1]) == []


def test_the_file_of_the_output_is_let_go(host):
    made = host.put()
    queue(made, request_id())
    claim(made, request_id())
    before = len(os.listdir("/proc/self/fd"))
    live = Live(host, request_id()).until("<pre")
    live.more()
    assert len(os.listdir("/proc/self/fd")) == before + 1
    live.source.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_kept_output_is_the_one_that_is_shown(ask, host):
    """Not that of the present run."""
    made = host.put()
    claim(made, request_id())
    prints(made, b"old")
    record(made, request_id())
    assert os.path.exists(job_output.path(made, request_id()))
    claim(made, request_id(SECOND + 1))
    prints(made, b"new")
    assert ask(f"/hello/runs/{request_id()}")[1].one("pre").text == "\nold"


# A form that is not ours


def start(ask, host, body, **told):
    return refusal(ask, "/hello/start", "POST", body, **told)


def submit(ask, made, filled):
    """What comes of a form of ours that is filled in."""
    token = f"{form.TOKEN}={visitor().token(made)}&{filled}"
    return ask(f"/{made.name}/start", "POST", token.encode(), Origin="https://ci.example:8443")


def token_of(host, **told):
    (made,) = [each for each in [host.put()] if each.name == "hello"]
    return b".token=" + visitor(**told).token(made).encode()


@pytest.mark.parametrize(
    "told",
    [
        {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "https://ci.example"},
        {"Origin": "https://ci.example:8443.evil.example"}, {"Origin": "ftp://ci.example:8443"},
        {"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site"}, {"Sec_Fetch_Site": "x"},
        {"Origin": "https://ci.example:8443", "Sec_Fetch_Site": "cross-site"},
    ],
)  # fmt: skip
def test_another_site_starts_nothing(ask, host, told):
    body = token_of(host)
    told = start(ask, host, body, **told)
    assert (told.status, told.reason) == (403, "a page of another site may not call")


def test_origins_that_programs_may_have_are_none_of_the_forms(ask, host):
    body = token_of(host)
    host.put(allow_origins=["https://evil.example"])
    assert start(ask, host, body, Origin="https://evil.example").status == 403


@pytest.mark.parametrize("body", [b"", b".token=", b".token=x", b".token=" + b"0" * 64, b"token=x", b".token=%C3%A9"])
def test_without_the_right_token_nothing_starts(ask, host, body):
    host.put()
    told = start(ask, host, body)
    assert told.status == 403 and "go back, load the page again" in told.reason


def test_the_token_of_another_user_or_endpoint_is_not_the_right_one(ask, host):
    host.put(users=["alice", "bob"])
    other = host.put("other")
    for token in (visitor(user="bob").token(host.put(users=["alice", "bob"])), visitor().token(other)):
        assert start(ask, host, b".token=" + token.encode()).status == 403


@pytest.mark.parametrize("required", [False, True])
def test_a_sensitive_field_that_was_emptied_is_not_left_out_in_silence(ask, host, required):
    made = host.put(parameters=[
        {"name": "n", "from": "header:n"}, {"name": "s", "sensitive": True, "required": required},
    ])  # fmt: skip
    # A value that the form cannot pass on, so that no acceptor is needed to refuse it.
    page = submit(ask, made, "n=%07&s=secret")[1]
    field = page.one(id="field-s")
    assert "value" not in field.attributes and "aria-invalid" not in field.attributes
    assert page.one(id="again-s").text == "It is not kept here: type it again."
    assert "again-s" in field["aria-describedby"]
    emptied = page.one("input", name=form.EMPTIED)
    assert (emptied["type"], emptied["value"]) == ("hidden", "s")

    # It is sent without, although it was there before.
    reply, page = submit(ask, made, "n=1&s=&.emptied=s")
    assert reply.status == 400
    assert page.one(id="error-s").text.startswith("s was filled in before and is ")
    assert ("start without it" in page.one(id="error-s").text) is not required
    assert page.one(id="field-s")["aria-invalid"] == "true"
    assert page.one(id="field-n")["value"] == "1"
    # That is said once: the next one is meant so.
    assert not page.all("input", name=form.EMPTIED)
    # What was typed again is taken, and what is not a sensitive field of the form is nothing to it.
    for body in ("n=1&s=secret&.emptied=s", "n=1&.emptied=n+x"):
        assert submit(ask, made, body)[0].status == 503  # there is no acceptor


def test_a_field_that_is_forged_starts_nothing(ask, host):
    assert start(ask, host, token_of(host) + b"&q=1").status == 400


def test_fields_that_nginx_says():
    """What the acceptor is told comes from nginx, not from us."""
    assert dict(visitor().fields(parsed())) == {
        "X-Trigger-Frontend": SECRET.encode(), "X-Remote-User": b"alice", "Host": b"ci.example:8443",
        "X-Forwarded-For": b"192.0.2.7", "X-Forwarded-Proto": b"https",
    }  # fmt: skip
    certified = parsed(**{"X-Trigger-Auth-Type": "CLIENT_CERT"})
    assert dict(visitor().fields(certified))["X-Trigger-Auth-Type"] == b"CLIENT_CERT"
    nobody = parsed(user=None)
    assert "X-Remote-User" not in dict(visitor(user=None).fields(nobody)) and "X-Remote-User" in fields()


def test_a_page_that_has_nothing_to_say_for_long_shows_that_it_is_there(host, monkeypatch):
    made = host.put()
    queue(made, request_id())
    claim(made, request_id())
    live = Live(host, request_id()).until("<pre")
    assert live.more() and b"<!--" not in live.come
    monkeypatch.setattr(run, "SIGN_EVERY", 0.05)
    live.until("<!-- -->")
    monkeypatch.setattr(run, "SIGN_EVERY", 60)
    record(made, request_id())
    live.come = live.come.replace(b"<!-- -->", b"")
    assert "Succeeded" in main(live.end())


def test_an_endpoint_for_other_addresses_is_not_shown(ask, host):
    made = host.put(allow_from=["198.51.100.0/24"])
    one = request_id()
    claim(made, one)
    prints(made, b"a secret\n")
    record(made, one)
    for path in ("/hello/", f"/hello/runs/{one}"):
        with pytest.raises(http.Refusal) as caught:
            ask(path)
        assert caught.value.status == 403
    assert "hello" not in ask("/")[1].one("main").text
    near = {"X_Forwarded_For": "198.51.100.9"}
    assert "a secret" in ask(f"/hello/runs/{one}", **near)[1].one("pre").text
    assert "hello" in ask("/", **near)[1].one("main").text


def test_without_a_user_an_id_opens_its_run_and_no_page_lists_them(ask, host):
    made = host.put(users=None)
    one = request_id()
    claim(made, one)
    record(made, one)
    page = ask("/hello/", user=None)[1]
    assert one not in str(page.one("main").text) and not page.all(class_="runs")
    assert refusal(ask, "/hello/runs", user=None).status == 403
    assert ask(f"/hello/runs/{one}", user=None)[0].status == 200


def test_a_form_of_a_page_without_tls_starts_nothing(ask, host):
    made = host.put()
    token = Door(SECRET).enter(parsed()).token(made)
    with pytest.raises(http.Refusal) as caught:
        ask("/hello/start", "POST", f"token={token}".encode(), Origin="http://ci.example:8443")
    assert caught.value.status == 403
