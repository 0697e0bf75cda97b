"""People at a browser."""

import re

import pytest
from browser import RUN, Browser, Keys, let_trust
from front import READER, SECRETS, UNKNOWN, ask, basic, post, runs, tell

# of a terminal
COLOURS = [*range(30, 38), *range(90, 98)]
GROUNDS = [code + 10 for code in COLOURS]


@pytest.fixture(scope="module")
def browsers():
    """By host and user; each is kept for the next test, as people do."""
    found = {}
    yield found
    for browser in found.values():
        browser.close()


@pytest.fixture
def sign_in(host, browsers):
    """A function that returns a Browser with the list of a user in front of him."""
    used = []

    def open_browser(user):
        if (host, user) not in browsers:
            let_trust(host)
            browsers[host, user] = Browser(host, user)
        used.append(browsers[host, user])
        used[-1].open("/")
        return used[-1]

    yield open_browser
    assert [complaint for browser in used for complaint in browser.complaints()] == []


def test_who_starts_a_trigger_sees_it_go_on_and_end(host, sign_in):
    page = sign_in("carol")
    assert page.heading() == f"Triggers on {host}.test"
    assert "Signed in as carol" in page.text()
    assert "private" not in page.text() and "inside" not in page.text()
    page.click("Start deploy")
    path = page.arrive(RUN.format("deploy"), goes_on=True)
    page.until(lambda: page.printed() == "fetching main\n")
    assert "Running" in page.text() and "Succeeded" not in page.text()
    page.run("window.isTheSame = true")
    for line in ("building", "<script>document.title = 'taken over'</script> & more"):
        before = page.printed()
        tell(host, line)
        page.until(lambda wanted=f"{before}{line}\n": page.printed() == wanted)
    assert "Succeeded" not in page.text()
    tell(host, "end")
    page.until(lambda: "Succeeded" in page.text())
    page.arrive(path)
    assert page.printed().endswith("\ndeployed\n")
    assert "Running" not in page.text()
    assert re.search(r"Asked for by\s+carol\n", page.text())
    assert page.run("return window.isTheSame")
    assert page.title() == f"Succeeded · Run of deploy · Triggers on {host}.test"
    assert runs(host, "/deploy/")[0] == path.rpartition("/")[2]
    # The same when it is looked at again, and in the lists.
    page.open(path)
    assert page.printed().endswith("\ndeployed\n") and "Succeeded" in page.text()
    page.click("Back to deploy")
    page.arrive("/deploy/")
    assert "Succeeded" in page.all("tbody tr")[0].text
    page.click("← All triggers")
    page.arrive("/")
    assert "Succeeded" in page.row("deploy")


def test_who_clicks_twice_starts_one_run(sign_in):
    page = sign_in("carol")
    script = """
        let sent = 0
        addEventListener("submit", (event) => { sent += !event.defaultPrevented })
        window.left = true
        arguments[0].click()
        arguments[0].click()
        return sent
    """
    assert page.run(script, page.until(lambda: page.named("Start backup"))) == 1
    page.arrive(RUN.format("backup"))


def test_who_watches_many_runs_can_still_open_another_page(host, sign_in):
    """By HTTP/1.1 a browser has six connections to a host, for all of its tabs."""
    page = sign_in("carol")
    page.click("Start deploy")
    path = page.arrive(RUN.format("deploy"), goes_on=True)
    first = page.driver.current_window_handle
    for _ in range(7):
        page.driver.switch_to.new_window("tab")
        page.open(path, goes_on=True)
        page.until(lambda: page.printed() == "fetching main\n")
    page.open("/deploy/")
    assert page.heading() == "deploy"
    tell(host, "end")
    for tab in page.driver.window_handles:
        page.driver.switch_to.window(tab)
        if tab != first:
            page.driver.close()
    page.driver.switch_to.window(first)
    page.until(lambda: "Succeeded" in page.text())


# Counts the times for which a page is to wait, and what it waits for still.
TIMERS = """
    window.waits = 0
    window.pending = new Set()
    const begin = setTimeout, end = clearTimeout
    window.setTimeout = (action, ...rest) => {
        const timer = begin(() => { window.pending.delete(timer); action() }, ...rest)
        window.waits += 1
        window.pending.add(timer)
        return timer
    }
    window.clearTimeout = timer => { window.pending.delete(timer); end(timer) }
"""


def test_nothing_is_asked_by_a_tab_that_nobody_sees_or_of_what_is_over(host, sign_in):
    page = sign_in("carol")
    page.run("window.left = true")
    script = page.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": TIMERS})
    is_asking, is_hidden = "return window.pending.size > 0", "return document.hidden"
    for start, lines in ((lambda: page.click("Start deploy"), []), (lambda: page.open("/"), ["end"])):
        start()
        page.until(lambda: page.run("return window.waits > 1"))  # it was asked once, and is again
        page.driver.minimize_window()
        page.until(lambda: page.run(is_hidden) and not page.run(is_asking))
        page.driver.set_window_rect(width=1100, height=760)
        page.until(lambda: not page.run(is_hidden) and page.run(is_asking))
        tell(host, *lines)
    page.until(lambda: not page.run(is_asking) and "Succeeded" in page.row("deploy"))
    page.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)
    page.open("/deploy/")


def test_the_list_tells_by_itself_what_becomes_of_what_goes_on(host, sign_in):
    page = sign_in("carol")
    page.click("Start deploy")
    page.arrive(RUN.format("deploy"), goes_on=True)
    page.until(lambda: page.printed() == "fetching main\n")
    page.open("/")
    assert "Running" in page.row("deploy")
    page.until(lambda: page.title() == f"1 running · Triggers on {host}.test")
    icon = "return document.querySelector('link[rel=icon]').href"
    busy = page.run(icon)
    page.run("window.isTheSame = true")
    page.tab_to("Start deploy")
    page.check("list-running")
    tell(host, "end")
    page.until(lambda: "Running" not in page.row("deploy") and "Succeeded" in page.row("deploy"))
    page.until(lambda: page.title() == f"Triggers on {host}.test")
    assert page.run("return window.isTheSame") and page.run(icon) != busy
    # Who is about to start something is not disturbed.
    assert page.driver.switch_to.active_element.accessible_name == "Start deploy"
    # And the icon may be shown.
    assert (
        page.driver.execute_async_script(
            "const icon = new Image(); icon.src = arguments[0]; icon.decode().then(arguments[1], arguments[1])", busy
        )
        is None
    )


def test_without_scripts_the_page_of_a_run_goes_on_by_itself(host, sign_in):
    page = sign_in("carol")
    page.click("Start deploy")
    page.arrive(RUN.format("deploy"), goes_on=True)
    page.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    page.driver.get(page.driver.current_url)
    page.until(lambda: page.driver.current_url.endswith("?follow=1") and page.all("pre")[0].text == "fetching main")
    tell(host, "building")
    page.until(lambda: page.all("pre")[0].text == "fetching main\nbuilding")
    tell(host, "end")
    page.until(lambda: "Succeeded" in page.all(".result")[0].text)
    page.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_a_run_that_fails(host, sign_in):
    page = sign_in("carol")
    page.click("Start backup")
    page.arrive(RUN.format("backup"))
    assert "Failed" in page.text()
    assert "exit code was 3" in page.text()
    assert page.printed() == "dumping shop, 1.2 GiB\nbackup.example: no space left on device\n"


def test_output_is_shown_in_its_colours(host, sign_in):
    """In those of the looks that a person has chosen; who fetches it gets what the job printed."""
    page = sign_in("carol")
    page.click("Start deploy")
    path = page.arrive(RUN.format("deploy"), goes_on=True)
    lines = ["\x1b[1;4;31mbroken\x1b[0m and \x1b[38;5;34mgood\x1b[39m\x1b[K"]
    lines += ["".join(f"\x1b[{ground};{text}m{text} " for text in COLOURS) + "\x1b[m" for ground in (49, *GROUNDS)]
    tell(host, *lines)
    page.until(lambda: page.printed().count("97") == len(GROUNDS) + 1)
    looks = "const of = getComputedStyle(document.querySelector(arguments[0])); return [of.color, of.fontWeight]"
    light = page.run(looks, "pre .red")
    page.look("dark")
    dark = page.run(looks, "pre .red")
    page.look("light")
    assert light[1] == dark[1] == "700" and light[0] != dark[0] and page.all("pre .red")[0].text == "broken"
    tell(host, "end")
    page.until(lambda: "Succeeded" in page.text())
    assert page.printed().splitlines()[1] == "broken and good" and "\x1b" not in page.printed()
    page.check("deploy-coloured")
    answer = ask(host, path + "/output", user="carol")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.body.decode().splitlines() == ["fetching main", *lines, "deployed"]


def test_a_run_is_cancelled_from_its_page(host, sign_in):
    page = sign_in("carol")
    page.click("Start deploy")
    path = page.arrive(RUN.format("deploy"), goes_on=True)
    page.until(lambda: page.printed() == "fetching main\n")
    page.tab_to("Cancel this run")
    page.leave_by(Keys.ENTER)
    page.until(lambda: "Cancelled" in page.text() and "Somebody stopped it." in page.text())
    page.arrive(path)
    assert "Cancel this run" not in page.text()
    page.check("cancelled")
    assert ask(host, path, "DELETE", user="carol").status == 409
    assert ask(host, path, "DELETE", user=None).status == 401


def test_times_are_those_of_who_reads_them(host, sign_in):
    page = sign_in("carol")
    path = f"/backup/runs/{runs(host, '/backup/')[0]}"
    shown = {}
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):  # 25 hours apart
        page.driver.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": zone})
        page.open(path)
        titles = [time.get_attribute("title") for time in page.all("dl time")]
        assert titles and all(re.fullmatch(r"[\d-]+ [\d:]+ UTC", title) for title in titles)
        shown[zone] = [time.text for time in page.all("dl time")]
    page.driver.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": ""})
    assert not set(shown["Pacific/Kiritimati"]) & set(shown["Pacific/Pago_Pago"])
    # Without scripts they are the host's.
    page.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    page.driver.get(page.driver.current_url)
    page.until(lambda: page.all("dl time") and page.all("dl time")[0].text.endswith(" UTC"))
    page.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_who_jumps_to_the_end_stays_there_while_it_is_printed(host, sign_in):
    page = sign_in("carol")
    page.click("Start deploy")
    page.arrive(RUN.format("deploy"), goes_on=True)
    page.until(lambda: page.printed() == "fetching main\n")
    above = "return document.querySelector('main').getBoundingClientRect().bottom - innerHeight"
    much = "word " * 200
    tell(host, *[much] * 8)
    page.until(lambda: page.printed().count("word") == 1600)
    # Who reads at the begin goes on with that.
    assert page.run(above) > 1000 and page.run("return scrollY") == 0
    page.tab_to("Jump to the end")
    page.press(Keys.ENTER)
    page.until(lambda: page.run(above) <= 0)
    tell(host, much, "more")
    page.until(lambda: page.printed().endswith("more\n"))
    page.until(lambda: page.run(above) <= 0)
    # Who reads in the middle is not moved.
    page.press(Keys.PAGE_UP)
    page.until(lambda: page.run(above) > 500)
    page.until(page.stands)
    place = page.run("return scrollY")
    tell(host, much, "still more")
    page.until(lambda: page.printed().endswith("still more\n"))
    assert page.until(page.stands) and page.run("return scrollY") == place
    tell(host, "end")
    page.until(lambda: "Succeeded" in page.text())


def test_of_much_output_the_end_is_shown_and_all_of_it_is_a_file(host, sign_in):
    page = sign_in("carol")
    page.open("/chatty/")
    page.click("Start")
    path = page.arrive(RUN.format("chatty"))
    page.until(lambda: "Succeeded" in page.text())
    page.open(path)
    printed = page.printed().splitlines()
    assert re.fullmatch(r"\d+ KiB of the output are above this. The whole output", printed[0])
    assert printed[-1] == "step 30000 of 30000" and 2_000 < len(printed) < 4_000
    page.check("long-output")
    for link in page.all("a[href$='/output']"):
        (fetched,) = {ask(host, link.get_attribute("href").partition(".test")[2], user="carol").body}
        assert len(fetched.splitlines()) == 30_000
    assert page.named("Output as a file").get_attribute("download") == f"chatty-{path.rpartition('/')[2]}.txt"


def test_all_runs(host, sign_in):
    page = sign_in("alice")
    while len(runs(host, "/environment/", "alice")) < 60:
        assert post(host, "/environment/", "alice").status == 200
    latest = runs(host, "/environment/", "alice")
    page.open("/environment/")
    page.all("a[href='/environment/runs']")[0].click()
    page.arrive("/environment/runs")
    assert page.heading() == "Runs of environment"

    def shown():
        return [link.get_attribute("href").rpartition("/")[2] for link in page.all("tbody a")]

    first = shown()
    assert first == latest[:50]
    page.check("all-runs")
    page.click("Older →")
    page.until(lambda: shown()[:10] == latest[50:60])
    page.click("← Newer")
    page.until(lambda: shown() == first)


def test_each_sees_what_he_may_start(host, sign_in):
    def names(page):
        return [row.text.split("\n")[0] for row in page.all("tbody th")]

    everybodys = ["backup", "deploy", "environment", "release"]
    assert set(everybodys) < set(names(sign_in("carol")))
    alices = names(sign_in("alice"))
    assert set(alices) - set(names(sign_in("bob"))) == {"private"}
    assert "inside" not in alices and "moved" in alices


@pytest.mark.parametrize("name", ["private", "hook"])
def test_who_may_look_sees_what_others_and_programs_start(host, sign_in, name):
    token = {"Authorization": f"Bearer {SECRETS['hook']}"} if name == "hook" else {}
    caller = None if token else "alice"
    started = post(host, f"/{name}/", caller, **token).headers["X-Request-Id"]
    page = sign_in("erin")
    assert page.row(name).endswith("Started by programs" if token else "Started by others")
    page.all(f"a[href='/{name}/']")[0].click()
    page.arrive(f"/{name}/")
    assert not page.all("form")
    page.check(f"{name}-looked-at")
    page.all(f"a[href$='{started}']")[0].click()
    page.arrive(f"/{name}/runs/{started}")
    assert "Succeeded" in page.text() and "Run again" not in page.text() and not page.all("form")
    # Nobody else may, and programs bring no password.
    for path in (f"/{name}/", f"/{name}/runs", f"/{name}/runs/{started}"):
        assert ask(host, path, user="erin", **READER).status == 200
        assert ask(host, path, user="bob", **READER).status == 403
        assert ask(host, path, user=None, **READER).status == 401
        assert ask(host, path, user=None, **{**READER, **basic("erin", "guessed")}).status == 401
    before = runs(host, f"/{name}/", caller, **token)
    assert post(host, f"/{name}/", "erin").status in (401, 403)
    assert ask(host, f"/{name}/runs/{started}", "DELETE", user="erin").status in (401, 403)
    assert runs(host, f"/{name}/", caller, **token) == before


FOCUS_LATEST = "document.querySelector('#latest a').focus()"


def test_the_page_of_an_endpoint_tells_what_becomes_of_its_latest_runs(host, sign_in):
    """And takes nothing from who is filling in its form."""
    page = sign_in("carol")
    page.open("/deploy/")
    page.click("Start")
    path = page.arrive(RUN.format("deploy"), goes_on=True)
    page.until(lambda: page.printed() == "fetching main\n")
    page.open("/deploy/")
    page.until(lambda: "Running" in page.all("#latest tr")[1].text)
    page.run("window.isTheSame = true")
    # Nor does it take the focus from who goes through the runs, however often they are told anew.
    page.run(FOCUS_LATEST)
    before = page.until(lambda: page.all("#latest tr")[1].text)
    page.until(lambda: page.all("#latest tr")[1].text != before)
    assert page.run("return document.activeElement.getAttribute('href')") == path
    page.tab_to("Start")
    page.check("deploy-latest")
    tell(host, "end")
    page.until(lambda: "Succeeded" in page.all("#latest tr")[1].text)
    page.until(lambda: page.title() == f"deploy · Triggers on {host}.test")
    assert page.run("return window.isTheSame") and not page.all("[data-again]")
    assert page.all("#latest a")[0].get_attribute("href").endswith(path)
    assert page.driver.switch_to.active_element.accessible_name == "Start"


def test_what_belongs_together_stands_below_a_heading(host, sign_in):
    page = sign_in("alice")
    parts = page.run(
        "return [...document.querySelectorAll('h2, tbody th')].map(each => each.innerText.split('\\n')[0])"
    )
    assert parts[-3:] == ["On request", "careful", "limited"]
    assert page.all("tbody th")[0].text.startswith("backup")


def test_what_asks_first_is_not_started_by_mistake(host, sign_in):
    page = sign_in("alice")
    before = runs(host, "/careful/")
    page.click("Start… for careful")
    page.arrive("/careful/")
    page.check("asks-first")
    page.click("Start")
    assert page.run("return document.querySelector('form :invalid').name") == ".sure"
    assert runs(host, "/careful/") == before
    page.tab_to("Yes, start careful")
    page.press(Keys.SPACE)
    page.click("Start")
    page.arrive(RUN.format("careful"))
    assert len(runs(host, "/careful/")) == len(before) + 1


def test_what_one_may_not_start_from_here_is_not_offered(host, sign_in):
    page = sign_in("alice")
    assert page.row("near")
    assert not [row for row in page.all("tbody th") if row.text.startswith("far")]


def test_what_a_get_starts_has_a_page_of_its_own(host, sign_in):
    page = sign_in("alice")
    before = runs(host, "/both/")
    page.all("a[href='/both/page']")[0].click()
    page.arrive("/both/page")
    assert page.heading() == "both" and page.named("Start")
    assert runs(host, "/both/") == before
    page.click("Start")
    path = page.arrive(RUN.format("both"))
    assert len(runs(host, "/both/")) == len(before) + 1
    # The head of what it made is not part of it.
    assert page.printed() == "<p>by POST\n"
    assert "Its head said Status: 404, Content-Type: text/html." in page.text()
    page.check("cgi-ended")
    page.click("Back to both")
    page.arrive("/both/page")
    page.open("/")
    page.click("Start page")
    page.arrive("/page/")
    assert page.text() == "for alice"
    assert page.run("return document.querySelector('#made') !== null")
    page.open(path)
    assert len(runs(host, "/both/")) == len(before) + 1


def test_a_secret_that_a_form_has_forgotten_is_not_left_out_in_silence(host, sign_in):
    page = sign_in("carol")
    before = runs(host, "/release/")
    page.open("/release/")
    for label, text in (("Version to release", "latest"), ("password", "hush hush")):
        page.fill(label, text)
    page.click("Start")
    page.arrive("/release/start")
    password = page.field("password")
    assert password.get_attribute("value") == ""
    assert "It is not kept here: type it again." in page.error_of(password)
    page.check("form-forgotten")
    page.fill("Version to release", "1.2.3")
    page.click("Start")
    page.until(lambda: "is empty now" in page.error_of(page.field("password")))
    assert page.driver.switch_to.active_element.get_attribute("role") == "alert"
    assert runs(host, "/release/") == before
    # Now it is said, and so it is meant.
    page.click("Start")
    page.arrive(RUN.format("release"))
    assert page.printed().startswith("0 characters of a password\n")


def test_what_nginx_says_itself_to_who_reads(host, sign_in):
    page = sign_in("carol")
    for name, path, heading in (("nowhere", "/nosuch", "Not Found"), ("from-elsewhere", "/far/", "Forbidden")):
        page.open(path)
        assert page.heading() == heading
        page.check(name)
        page.click("All triggers")
        page.arrive("/")


def test_a_form(host, sign_in):
    page = sign_in("carol")
    before = runs(host, "/release/")
    page.click("Fill in… for release")
    page.arrive("/release/")
    note = "<b>\"quoted\"</b> & 'more'\né ☃"
    filled = {
        "Version to release": "latest",
        "target": "production",
        "workers": "4",
        "share": "0.25",
        "dry-run": "Yes",
        "note": note,
        "password": "hush hush",
    }
    for label, text in filled.items():
        page.fill(label, text)
    page.click("Start")

    # It comes back: the focus is on what is wrong, and all but the password is still there.
    page.arrive("/release/start")
    assert page.title().startswith("Error")
    assert page.driver.switch_to.active_element.get_attribute("role") == "alert"
    version = page.field("Version to release")
    assert version.get_attribute("aria-invalid") == "true"
    assert "Version to release" in page.error_of(version) and "match" in page.error_of(version)
    assert [page.field(label).get_attribute("aria-invalid") for label in filled].count("true") == 1
    values = {label: page.field(label).get_attribute("value") for label in filled}
    assert values == {**filled, "dry-run": "true", "password": ""}
    assert not page.all("b")
    assert "As it is tagged." in page.error_of(version) and "From 1 to 16." in page.error_of(page.field("workers"))
    assert page.field("note").tag_name == "textarea"
    page.check("form-again")

    # What the browser itself knows better is not even sent.
    page.fill("Version to release", "1.2.3")
    page.fill("workers", "17")
    page.click("Start")
    assert page.run("return document.querySelector('form :invalid').name") == "workers"
    page.fill("workers", "16")
    page.fill("password", "hush hush")
    assert runs(host, "/release/") == before

    page.click("Start")
    path = page.arrive(RUN.format("release"))
    assert "Succeeded" in page.text()
    assert page.printed().split("\nTRIGGER_PARAM_") == [
        "9 characters of a password",
        "DRY_RUN=true",
        f"NOTE={note}",
        "SHARE=0.25",
        "TARGET=production",
        "VERSION=1.2.3",
        "WORKERS=16\n",
    ]
    assert runs(host, "/release/") == [path.rpartition("/")[2], *before]
    page.check("release-ended")

    # What it was told stands there, too, and begins another one; but not what is sensitive.
    told = page.text().partition("Parameters")[2].partition("Output")[0]
    for name, value in {**filled, "Version to release": "1.2.3", "workers": "16", "dry-run": "true"}.items():
        assert (value in told) == (name != "password"), (name, told)
    page.click("Run again…")
    page.arrive("/release/")
    values = {label: page.field(label).get_attribute("value") for label in filled}
    assert values == {**filled, "Version to release": "1.2.3", "workers": "16", "dry-run": "true", "password": ""}
    assert "It is not kept here: type it again." in page.error_of(page.field("password"))
    latest = page.all("tbody tr")[0].text
    shown = note.replace("\n", "\\n")
    assert "carol" in latest and f"target production, workers 16, share 0.25, dry-run true, note {shown}" in latest
    page.check("release-again")
    page.fill("password", "hush hush")
    page.click("Start")
    again = page.arrive(RUN.format("release"))
    assert again != path and "Succeeded" in page.text()
    assert "TRIGGER_PARAM_WORKERS=16" in page.printed()


def test_by_keyboard_alone(host, sign_in):
    page = sign_in("bob")
    page.tab_to("Start deploy")
    page.leave_by(Keys.ENTER)
    page.arrive(RUN.format("deploy"), goes_on=True)
    tell(host, "by keyboard", "end")
    page.until(lambda: "Succeeded" in page.text() and page.named("Back to deploy"))
    page.tab_to("Back to deploy")
    page.leave_by(Keys.ENTER)
    page.arrive("/deploy/")
    page.tab_to("Start")
    page.leave_by(Keys.SPACE)
    path = page.arrive(RUN.format("deploy"), goes_on=True)
    page.until(lambda: page.printed() == "fetching main\n")
    tell(host, "end")
    page.until(lambda: "Succeeded" in page.text())
    page.tab_to("← All triggers")
    page.leave_by(Keys.ENTER)
    page.arrive("/")

    page.tab_to("Fill in… for release")
    page.leave_by(Keys.ENTER)
    page.arrive("/release/")
    page.tab_to("Version to release")
    page.press("1.x")
    page.tab_to("target")
    page.press("p")
    page.tab_to("Start")
    page.leave_by(Keys.SPACE)
    page.arrive("/release/start")
    # From the summary the keyboard leads to the field.
    page.press(Keys.TAB, Keys.ENTER)
    page.until(lambda: page.driver.switch_to.active_element.accessible_name.startswith("Version to release"))
    page.press(Keys.END, *[Keys.BACKSPACE] * 3, "2.0.0")
    page.leave_by(Keys.ENTER)
    page.arrive(RUN.format("release"))
    assert "Succeeded" in page.text()
    assert "TRIGGER_PARAM_TARGET=production\nTRIGGER_PARAM_VERSION=2.0.0\n" in page.printed()
    assert path.rpartition("/")[2] in runs(host, "/deploy/")


def test_axe_core_finds_nothing_on_any_page(host, sign_in):
    """Nor does it at night, or on a phone. And what it would find, it finds."""
    page = sign_in("carol")
    page.check("list")
    for path in ("/deploy/", "/release/"):
        page.open(path)
        page.check(path.strip("/"))
    for name, state in (("deploy", "Succeeded"), ("backup", "Failed")):
        page.open(f"/{name}/runs/{runs(host, f'/{name}/')[0]}")
        assert state in page.text()
        page.check(f"{name}-ended")
    for name, path in (("not-allowed", "/private/"), ("not-there", f"/deploy/runs/{UNKNOWN}")):
        page.open(path)
        page.check(name)

    page.open("/deploy/")
    page.click("Start")
    page.arrive(RUN.format("deploy"), goes_on=True)
    tell(host, "compiling 312 files", "copying to web1.example")
    page.until(lambda: page.printed().endswith("web1.example\n"))
    page.check("deploy-running")
    tell(host, "end")
    page.until(lambda: "Succeeded" in page.text())
    page.check("deploy-watched")
    page.run("document.querySelector('main').insertAdjacentHTML('beforeend', '<b role=img></b><input>')")
    assert {"role-img-alt", "label"} <= {violation[0] for violation in page.violations()}


def test_a_page_of_another_site_starts_nothing(host, sign_in):
    """Of a neighbour whom the browser takes for the same site, and of a stranger. The browser is signed in."""
    page = sign_in("bob")
    before = {name: runs(host, f"/{name}/") for name in ("deploy", "environment")}
    for site in (f"other.{host}.test", f"other.{'debian11' if host != 'debian11' else 'debian12'}.test"):
        for path in ("/environment/", "/deploy/", "/deploy/start"):
            page.open("/", name=site)
            assert "the other site" in page.text()
            page.run(
                "window.left = true; const form = document.createElement('form');"
                "form.method = 'post'; form.action = arguments[0]; document.body.append(form); form.submit()",
                f"https://{host}.test{path}",
            )
            page.arrive(path)
            assert "403" in page.text() or "Not allowed" in page.text()
    assert {name: runs(host, f"/{name}/") for name in before} == before
