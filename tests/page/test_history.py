"""All runs of an endpoint, by pages."""

import shutil

import pytest
from page_host import SECOND, claim, queue, record, request_id
from pages import main, refusal, row

from trigger import records
from trigger.page import history


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
