"""Who comes to the pages, and what each may see there."""

import json
import re
import shutil

import pytest
from page_host import SECRET, claim, fields, parsed, prints, record, request_id, tree, visitor
from pages import main, refusal, row, settle, submit

from trigger import http, records, runs
from trigger.page import form, run
from trigger.page.access import Door, load_secret
from trigger.page.layout import Frame

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
