"""A person at a browser: headless Chromium, driven by what is seen on the page.

It has no settings but those that a container needs; whom it trusts stands in ~/.pki/nssdb, as for any user. It signs in
as one may in the address bar: the host asks, and then it sends name and password.
"""

import base64
import os
import re
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

from front import PASSWORDS, SELF_SIGNED, ssl
from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException, WebDriverException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

AXE = Path("/root/axe.min.js").read_text()
SHOTS = Path("/root/screenshots")
LOOKS = ("light", "dark", "phone-light", "phone-dark")
PICTURED = "debian12"
RUN = "/{}/runs/[0-9a-f-]{{36}}"  # the path of a run, by its endpoint
STATES = (NoSuchElementException, StaleElementReferenceException, IndexError)
GONE = "does not belong to the document"  # of what became stale while chromedriver asked for its accessible name


def let_trust(host, home="/root"):
    """Have browsers trust a host that certifies itself, as its certificate is now. home: as Browser has it."""
    if host in SELF_SIGNED:
        certificate = Path(f"/root/{host}.pem")
        certificate.write_text(ssl.get_server_certificate((f"{host}.test", 443)))
        command = ["certutil", "-d", f"sql:{home}/.pki/nssdb", "-A", "-n", host, "-t", "P,,", "-i", certificate]
        subprocess.run(command, check=True)


class Browser:
    """user: str, or None for somebody who does not sign in. home: whose certificates are in `.pki/nssdb` there."""

    def __init__(self, host, user, home="/root"):
        self.host = host
        self._user = user
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        # root may not have Chromium's own sandbox, and the container's /dev/shm is small.
        for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"):
            options.add_argument(argument)
        # Where no script runs, the page of a run is not complete before the run is.
        options.page_load_strategy = "none"
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        service = Service("/usr/bin/chromedriver", env={**os.environ, "HOME": str(home)})
        self.driver = webdriver.Chrome(service=service, options=options)
        self.look("light")

    def close(self):
        self.driver.quit()

    # What one sees. Parts of a page are drawn anew while something goes on; who is asked about one then is asked again.

    def open(self, path, name=None, goes_on=False):
        """Go to an address. name: of the site, when it is not the host's front door. goes_on: as arrive() takes it."""
        who = f"{quote(self._user)}:{quote(PASSWORDS[self._user], safe='')}@" if self._user and not name else ""
        self.run("window.left = true")
        self.driver.get(f"https://{who}{name or self.host + '.test'}{path}")
        self.arrive(re.escape(path), goes_on)

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def until(self, condition, seconds=20):
        """Wait for what `condition` returns to be true, and return it."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                result = condition()
                if result:
                    return result
            except STATES:
                pass  # it is about to become another page
            except WebDriverException as error:
                if GONE not in error.msg:
                    raise
            assert time.monotonic() < deadline, f"in {seconds} s it has not come true; this is seen:\n{self.text()}"
            time.sleep(0.02)

    def arrive(self, pattern, goes_on=False):
        """Wait until this is the page of a path that matches a pattern, and complete, with its run over; of one that
        goes on its heading is enough. Returns the path."""
        is_over = "document.readyState == 'complete' && !document.querySelector('pre ~ [data-again]')"
        there = "document.querySelector('h1')" if goes_on else is_over
        script = f"return !window.left && {there} ? location.pathname : ''"
        return self.until(lambda: next(filter(re.compile(pattern).fullmatch, [self.run(script)]), None))

    def text(self):
        return self.run("return document.body ? document.body.innerText : ''")

    def stands(self):
        """Whether the page is not being scrolled."""
        script = """
            const places = [scrollY], next = () => places.push(scrollY) < 6 ? requestAnimationFrame(next)
                : arguments[0](new Set(places).size == 1)
            next()
        """
        return self.driver.execute_async_script(script)

    def title(self):
        return self.driver.title

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def heading(self):
        return self.until(lambda: self.all("h1")[0].text)

    def printed(self):
        """What a run's page shows of its output so far."""
        return self.run("const pre = document.querySelector('pre'); return pre ? pre.textContent : ''")

    def row(self, name):
        """The row of a table that begins with a name, as text."""
        return self.until(lambda: next(row.text for row in self.all("tbody tr") if row.text.startswith(name)))

    def named(self, name):
        """The link or button of a name."""
        script = """
            return [...document.querySelectorAll('a, button')].find(
                each => each.checkVisibility() && (each.ariaLabel || each.innerText.trim()) == arguments[0])
        """
        return self._found(self.run(script, name), name)

    def field(self, label):
        """The control of a label."""
        script = """
            return [...document.querySelectorAll('label')].find(
                each => each.firstChild.textContent.trim() == arguments[0])?.control
        """
        return self._found(self.run(script, label), label)

    def _found(self, element, name):
        if element is None:
            raise NoSuchElementException(name)
        assert element.accessible_name.split(" (")[0] == name
        return element

    def error_of(self, control):
        """What a form says is wrong with a control, for the eye and for others: its descriptions."""
        described = (control.get_attribute("aria-describedby") or "").split()
        return " ".join(self.driver.find_element(By.ID, each).text for each in described)

    # What one does.

    def click(self, name):
        element = self.until(lambda: self.named(name))
        self.run("window.left = true")
        element.click()

    def fill(self, label, text):
        control = self.field(label)
        if control.tag_name == "select":
            for option in control.find_elements(By.TAG_NAME, "option"):
                if option.text == text:
                    option.click()
                    return
            raise NoSuchElementException(text)
        control.clear()
        control.send_keys(text)

    def press(self, *keys):
        """Press keys, as on a keyboard, one after the other."""
        actions = ActionChains(self.driver)
        for key in keys:
            actions.send_keys(key)
        actions.perform()

    def leave_by(self, key):
        """Press the key that leads to another page."""
        self.run("window.left = true")
        self.press(key)

    def tab_to(self, name):
        """Go on with the tabulator until the control of a name has the focus, which has to be seen."""
        for _ in range(60):
            self.press(Keys.TAB)
            focused, kind, found, outline = self.until(self._focused)
            if kind == "body":
                continue
            assert outline != "none", f"nobody sees that {found!r} has the focus"
            if found == name:
                return focused
        raise AssertionError(f"the tabulator does not lead to {name!r}")

    def _focused(self):
        """What has the focus, its tag, its name and its outline."""
        focused, outline = self.run(
            "const focused = document.activeElement; return [focused, getComputedStyle(focused).outlineStyle]"
        )
        return focused, focused.tag_name, focused.accessible_name.split(" (")[0], outline

    # What one looks like, and what is wrong with it.

    def look(self, look, scale=1):
        """Make it a screen or a phone, by day or by night. scale: how many pixels make one of CSS."""
        is_phone = look.startswith("phone-")
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {
                "width": 390 if is_phone else 1100,
                "height": 844 if is_phone else 760,
                "deviceScaleFactor": scale,
                "mobile": is_phone,
            },
        )
        scheme = {"name": "prefers-color-scheme", "value": look.rpartition("-")[2]}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})

    def check(self, name):
        """Assert that axe-core finds nothing in the page's looks, and that it is not too wide. One host's are kept as
        pictures."""
        wrong = {}
        for look in LOOKS if self.host == PICTURED else LOOKS[::3]:
            self.look(look)
            if self.host == PICTURED:
                self.shoot(name, look)
            found = self.violations()
            if self.run("return document.documentElement.scrollWidth > document.documentElement.clientWidth"):
                found.append("it is wider than the screen")
            if found:
                wrong[look] = found
        self.look("light")
        assert wrong == {}, wrong

    def violations(self):
        """What axe-core finds. Scripts of the page's own are forbidden; this one does not come with it."""
        if not self.run("return typeof axe == 'object'"):
            self.run(AXE)
        result = self.driver.execute_async_script("axe.run().then(arguments[0], error => arguments[0](String(error)))")
        assert isinstance(result, dict), result
        assert result["passes"]
        return [
            [violation["id"], [[node["html"][:160], node["failureSummary"]] for node in violation["nodes"]]]
            for violation in result["violations"]
        ]

    def shoot(self, name, look):
        """Take a picture of the whole page, in a look that it has already. Chromium has its limits: of a very long one
        it is the begin."""
        self.look(look, scale=2)
        width, height = self.run("return [innerWidth, Math.min(document.body.offsetHeight, 5000)]")
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        shot = self.driver.execute_cdp_cmd(
            "Page.captureScreenshot", {"format": "png", "captureBeyondViewport": True, "clip": clip}
        )
        SHOTS.mkdir(exist_ok=True)
        (SHOTS / f"{name}-{look}.png").write_bytes(base64.b64decode(shot["data"]))
        self.look(look)

    def complaints(self):
        """What the browser itself has to say of the pages, such as breaches of their Content-Security-Policy; not that
        an answer was 403."""
        told = [entry["message"] for entry in self.driver.get_log("browser")]
        return [each for each in told if "the server responded with a status of 4" not in each]
