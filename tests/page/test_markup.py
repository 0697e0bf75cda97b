"""How pages are made: escaping, times, states, and what all pages share. No I/O."""

import base64
import hashlib
import html
import re
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from page_host import tree

from trigger.page import labels, layout, times
from trigger.page.colours import NAMES
from trigger.page.markup import element, escape, join

# All that a JSON file or a client can hold, half surrogate pairs among them.
ANY_TEXT = st.text(st.characters())
NASTY = "</pre><script>alert(1)</script><!--\"'&lt;\0"


# Escaping


@given(ANY_TEXT)
@example(NASTY)
@example("]]><?x")
def test_text_makes_no_element_and_no_attribute(text):
    made = tree(element("p", "a", text, title=text, data_x=text, hidden=True))
    (paragraph,) = made.all()
    assert set(paragraph.attributes) == {"title", "data-x", "hidden"}
    shown = text.encode("utf-8", "replace").decode()
    assert html.unescape(escape(text)) == html.unescape(html.escape(shown))
    assert paragraph.text == "a" + html.unescape(html.escape(shown))


@given(ANY_TEXT, ANY_TEXT)
def test_text_stays_text_however_it_is_put_together(one, other):
    made = tree(element("div", join([one, element("b", other)], other), escape(one)))
    assert [found.tag for found in made.all()] == ["div", "b"]


def test_what_is_markup_is_escaped_once():
    assert escape(escape("<")) == "&lt;"
    assert element("p", element("b", "&")) == "<p><b>&amp;</b></p>"


def test_a_text_that_was_put_together_by_other_means_is_text_again():
    assert escape("%s" % "<" + element("b")) == "&lt;&lt;b&gt;&lt;/b&gt;"


def test_attributes():
    made = element("input", class_="a b", aria_label="x", required=True, disabled=False, value=None, maxlength=3)
    assert made == '<input class="a b" aria-label="x" required maxlength="3">'
    assert element("meta", name="viewport") == '<meta name="viewport">'


# Times


def test_a_time_tells_machines_and_people(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        short = tree(times.short("2026-11-23T16:29:03.500Z", 1795451343.5 + 180)).one("time")
        full = tree(times.full("2026-11-23T16:29:03.500Z")).one("time")
    finally:
        monkeypatch.undo()
        time.tzset()
    assert (short.text, short["datetime"]) == ("3min ago", "2026-11-23T16:29:03.500Z")
    assert short["title"] == full.text == "2026-11-23 17:29:03 CET"


# States


STATES = ["succeeded", "failed", "timed-out", "damaged", "interrupted", "cancelled", "running", "queued", "idle",
          "never", "unknown"]  # fmt: skip


@pytest.mark.parametrize("state", STATES)
def test_a_state_is_told_by_a_word(state):
    badge = tree(labels.badge(state)).all("span")
    mark = badge[1]
    assert mark["aria-hidden"] == "true"
    word = badge[0].text[len(mark.text) :].strip()
    assert re.fullmatch("[A-Z][a-z ]+", word)
    assert word not in [tree(labels.badge(other)).text[2:] for other in STATES if other != state]


def test_a_state_of_another_version_is_told_as_it_is():
    assert tree(labels.badge("<new>")).text == "? <new>"


def run(**keys):
    return {"state": "succeeded", "result": "success", "exit_code": 0, "signal": None, "started": "x", **keys}


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({}, "Its exit code was 0."),
        ({"state": "failed", "result": "exit-code", "exit_code": 3}, "Its exit code was 3."),
        ({"state": "failed", "result": "signal", "exit_code": None, "signal": "HUP"},
         "It was ended by the signal HUP."),
        ({"state": "failed", "result": "oom-kill", "exit_code": None, "signal": "KILL"},
         "It took more memory than it may have. It was ended by the signal KILL."),
        ({"state": "timed-out", "result": "timeout", "exit_code": None, "signal": "TERM"},
         "It exceeded its time limit and was stopped. It was ended by the signal TERM."),
        ({"state": "cancelled", "exit_code": None, "started": None}, "It was taken back before it began."),
        ({"state": "cancelled", "exit_code": None, "signal": "TERM"},
         "Somebody stopped it. It was ended by the signal TERM."),
        ({"state": "damaged", "result": None, "exit_code": None},
         "Its request could not be read any more, so it did not begin."),
    ],
)  # fmt: skip
def test_how_a_run_ended(keys, told):
    assert " ".join(labels.ending(run(**keys))) == told


# What all pages share


def page(title="A", user="alice", host="ci.example", content=()):
    return layout.Frame(host, user).reply(200, "x", title, *content)


def test_the_policy_names_the_one_style_and_the_one_script_there_are():
    reply = page()
    style, script = (
        base64.b64encode(hashlib.sha256(tree(reply.body).one(tag).text.encode()).digest()).decode()
        for tag in ("style", "script")
    )
    policy = dict(reply.headers)["Content-Security-Policy"].split("; ")
    assert policy == [
        "default-src 'none'", f"style-src 'sha256-{style}'", f"script-src 'sha256-{script}'", "connect-src 'self'",
        "img-src data:", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'",
    ]  # fmt: skip


def test_a_page_is_whole_and_has_no_script_but_its_own():
    reply = page(content=[element("h1", "x")])
    root = tree(reply.body)
    assert reply.body.startswith(b"<!DOCTYPE html>\n<html")
    assert root.one("html")["lang"] == "en"
    assert [child.tag for child in root.one("body").content] == ["header", "main"]
    assert root.one("meta", name="viewport")["content"] == "width=device-width, initial-scale=1"
    assert root.one("title").text == "A · Triggers on ci.example"
    assert root.one("script").text == layout.SCRIPT and not re.search(rb"\son\w+=|javascript:", reply.body)
    assert reply.content_type == "text/html; charset=utf-8"


@given(ANY_TEXT, ANY_TEXT, ANY_TEXT)
@example(NASTY, NASTY, NASTY)
def test_host_and_user_are_text(title, user, host):
    plain = [found.tag for found in tree(page("a", "b", "c").body).all()]
    assert [found.tag for found in tree(page("a" + title, "b" + user, "c" + host).body).all()] == plain


def colours(scheme):
    dark = layout.STYLE.index("@media (prefers-color-scheme: dark)")
    told = layout.STYLE[:dark] if scheme == "light" else layout.STYLE[dark:]
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", told))


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear))


def contrast(one, other):
    """WCAG 2.2, "contrast ratio"."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrasts_are_those_of_level_aa(scheme):
    of = colours(scheme)
    assert len(of) == len(colours("light")) == 45
    for text in ("text", "quiet", "accent", "good", "bad", "odd"):
        for ground in ("ground", "sheet"):
            assert contrast(of[text], of[ground]) >= 4.5, (text, ground)
    for text, ground in (("on-accent", "accent"), ("accent", "accent-ground"), ("text", "bad-ground")):
        assert contrast(of[text], of[ground]) >= 4.5, (text, ground)
    # what jobs print, however they mix it
    for ground in ("sheet", *("on-" + name for name in NAMES)):
        for text in ("text", *NAMES):
            assert contrast(of[text], of[ground]) >= 4.5, (text, ground)
    # what surrounds a field, a button, or what has the focus (1.4.11)
    for edge, ground in (("edge", "sheet"), ("accent", "sheet"), ("accent", "ground"), ("bad", "bad-ground")):
        assert contrast(of[edge], of[ground]) >= 3, (edge, ground)


def test_every_colour_is_one_of_both_schemes():
    used = set(re.findall(r"var\(--([a-z-]+)\)", layout.STYLE))
    assert used == set(colours("light")) == set(colours("dark"))
    outside = re.sub(r":root \{.*?\n *\}", "", layout.STYLE, flags=re.DOTALL)
    assert not re.search(r"#[0-9a-fA-F]{3}|rgb|hsl", outside)
