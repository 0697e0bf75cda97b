"""The page of a run: one that is over, one that goes on, and what is new of it."""

import os

import pytest
from page_host import SECOND, claim, prints, queue, record, request_id
from pages import DECLARED, GIVEN, Live, again, facts, icon, lines, main, printed, refusal

from trigger import output as job_output
from trigger import records
from trigger.page import run
from trigger.page.cgi_head import Head

# The page of a run that is over


def test_a_run_that_is_over(ask, host):
    made = host.put()
    one = request_id()
    claim(made, one)
    prints(made, b"<b>bold</b> & \x1b[31mred\xff\n")
    asker = {"remote_user": "bob", "remote_addr": "192.0.2.9"}
    record(made, one, state="failed", exit_code=3, finished=SECOND + 3.2, **asker)
    reply, page = ask(f"/hello/runs/{one}")
    # nginx takes it in, so that a slow reader holds nothing here
    assert reply.status == 200 and "X-Accel-Buffering" not in dict(reply.headers)
    assert page.one("h1").text == "Run of hello"
    assert page.one("pre").text == "\n<b>bold</b> & red\ufffd\n"
    assert page.one("pre").one("span", class_="red").text == "red\ufffd\n"
    assert "✗ Failed. Its exit code was 3." in main(page)
    told = facts(page)
    assert (told["Asked for by"], told["From"], told["Request"]) == ("bob", "192.0.2.9", one)
    assert told["Took"] == "3.2s"
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
