"""What all pages have in common: frame, style, and the fields that guard them. No I/O."""

from __future__ import annotations

import base64
import hashlib

from trigger.page import colours, markup
from trigger.page.markup import Markup, element, join
from trigger.page.script import SCRIPT
from trigger.responses import Reply

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

CONTENT_TYPE = "text/html; charset=utf-8"

STYLE = """
:root {
  color-scheme: light dark;
  --ground: #f7f7f5; --sheet: #ffffff; --line: #dddfe2; --edge: #868d96;
  --text: #1b1f24; --quiet: #59616b; --accent: #0a5aa8; --on-accent: #ffffff; --accent-ground: #e8f1fa;
  --good: #1a7035; --bad: #b3261e; --odd: #7d5200; --bad-ground: #fdf0ef;
  /* Of what jobs print: each can be read on each ground. */
  --black: #1b1f24; --red: #a01818; --green: #15602a; --yellow: #6d4c00;
  --blue: #1d4bab; --magenta: #8a1d8a; --cyan: #0b5a66; --white: #4e565f;
  --bright-black: #59616b; --bright-red: #b4232a; --bright-green: #1a6b2f; --bright-yellow: #765400;
  --bright-blue: #2658c2; --bright-magenta: #a02ba0; --bright-cyan: #0d6472; --bright-white: #343a41;
  --on-black: #dde0e4; --on-red: #fbdcd9; --on-green: #d2efd8; --on-yellow: #f6e6b4;
  --on-blue: #d9e5fb; --on-magenta: #f4d9f4; --on-cyan: #cdeef2; --on-white: #eceef0;
  --on-bright-black: #e4e7ea; --on-bright-red: #ffe6e3; --on-bright-green: #e0f6e4; --on-bright-yellow: #fdf2c9;
  --on-bright-blue: #e5eefe; --on-bright-magenta: #fae6fa; --on-bright-cyan: #def6f9; --on-bright-white: #f5f6f7;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #121417; --sheet: #1a1d21; --line: #32373e; --edge: #7b838d;
    --text: #e7e9ec; --quiet: #a5adb7; --accent: #85b8f0; --on-accent: #0c1520; --accent-ground: #1c2a3a;
    --good: #74cf8e; --bad: #ff9d94; --odd: #ecc06a; --bad-ground: #2c1b1b;
    --black: #b0b7c0; --red: #ff9d94; --green: #74cf8e; --yellow: #e3bb62;
    --blue: #8ab8f5; --magenta: #e79be7; --cyan: #63cfdc; --white: #d3d7dc;
    --bright-black: #a9b1bb; --bright-red: #ffb0a8; --bright-green: #92e0a8; --bright-yellow: #f3d184;
    --bright-blue: #a5cbff; --bright-magenta: #f3b4f3; --bright-cyan: #8be2ec; --bright-white: #ffffff;
    --on-black: #2b2f35; --on-red: #472021; --on-green: #173a22; --on-yellow: #3d3010;
    --on-blue: #1c2f52; --on-magenta: #42204a; --on-cyan: #103940; --on-white: #383d44;
    --on-bright-black: #33383f; --on-bright-red: #552627; --on-bright-green: #1c4629; --on-bright-yellow: #4a3a12;
    --on-bright-blue: #233a64; --on-bright-magenta: #50275a; --on-bright-cyan: #14454e; --on-bright-white: #3e444b;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--ground); color: var(--text);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif;
  overflow-wrap: break-word;
}
header, main { max-width: 58rem; margin: 0 auto; padding: 0 1.25rem; }
header { display: flex; flex-wrap: wrap; gap: 0 1rem; justify-content: space-between; padding-top: 1rem; }
header, .quiet, th, dt, .hint { color: var(--quiet); }
header, .quiet, th, dt, .hint, .mark { font-size: .875rem; }
header a { display: inline-block; padding: .25rem 0; }
header > span { margin-left: auto; padding: .25rem 0; }
main { padding-bottom: 4rem; position: relative; }
h1 { margin: 1.25rem 0 .25rem; font-size: 1.75rem; line-height: 1.2; letter-spacing: -.01em; }
h2 { margin: 2.25rem 0 .75rem; font-size: 1.125rem; line-height: 1.3; }
h1 + p { margin-top: 0; }
p { margin: .75rem 0; max-width: 40rem; }
a { color: var(--accent); text-underline-offset: .15em; }
a:hover { text-decoration-thickness: 2px; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 4px; }
form { margin: 0; }
code, pre { font-family: ui-monospace, "Cascadia Mono", Menlo, Consolas, "Liberation Mono", monospace; }

table, .sheet, pre { border: 1px solid var(--line); border-radius: 8px; background: var(--sheet); }
table { width: 100%; margin: 1.25rem 0; border-collapse: separate; border-spacing: 0; }
th, td { padding: .75rem 1rem; text-align: left; vertical-align: top; font-weight: normal; }
thead th { padding-bottom: .25rem; }
tbody tr + tr > * { border-top: 1px solid var(--line); }
tbody th { font-size: 1rem; color: var(--text); }
tbody th a { font-weight: 600; }
tbody th p, td p { margin: 0; }
td > p { white-space: nowrap; }
td > .state { display: block; }
td.act { text-align: right; white-space: nowrap; vertical-align: middle; }

.state { font-weight: 600; white-space: nowrap; }
.state > span { display: inline-block; width: 1em; text-align: center; }
.good { color: var(--good); } .bad { color: var(--bad); } .odd { color: var(--odd); } .busy { color: var(--accent); }
.calm { color: var(--quiet); font-weight: normal; }

.button {
  display: inline-block; min-height: 2.75rem; padding: .5rem 1.25rem; border: 1px solid var(--accent);
  border-radius: 6px; font: inherit; font-weight: 600; line-height: 1.6; text-decoration: none; cursor: pointer;
  background: var(--sheet); color: var(--accent);
}
.button:hover { background: var(--accent-ground); }
.button.first { background: var(--accent); color: var(--on-accent); }
.button.first:hover { filter: brightness(1.1); }

.sheet { max-width: 36rem; margin: 1.25rem 0; padding: 1.25rem; }
.sheet > :first-child { margin-top: 0; }
.sheet > :last-child { margin-bottom: 0; }
.field { margin: 0 0 1.25rem; }
.field label { display: block; font-weight: 600; }
.field .mark { font-weight: normal; color: var(--quiet); }
.field .hint { margin: 0; }
.field .wrong, .field .again { margin: 0; color: var(--bad); font-weight: 600; }
.field .again { color: var(--odd); }
.field input, .field select, .field textarea {
  display: block; width: 100%; min-height: 2.75rem; margin-top: .25rem; padding: .5rem .75rem;
  border: 1px solid var(--edge); border-radius: 6px; font: inherit; background: var(--sheet); color: var(--text);
}
.field textarea { resize: vertical; }
.field input[type=number] { max-width: 14rem; }
.field select { width: auto; min-width: 14rem; max-width: 100%; padding: .5rem; }
.field [aria-invalid] { border: 2px solid var(--bad); }
.field.tick input {
  display: inline-block; width: 1.25rem; min-height: 1.25rem; margin: 0 .25rem 0 0; vertical-align: -.25rem;
}
.summary { border: 2px solid var(--bad); background: var(--bad-ground); }
.summary h2 { font-size: 1.125rem; }
.summary ul { margin: .5rem 0 0; padding-left: 1.25rem; }
.summary a { color: inherit; }

dl { display: grid; grid-template-columns: max-content 1fr; gap: .375rem 1.5rem; margin: 1.25rem 0; }
dt { padding-top: .125rem; }
dd { margin: 0; }
.id { font-size: .875rem; overflow-wrap: anywhere; }
.value { white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: isolate; }
.ways { display: flex; flex-wrap: wrap; align-items: center; gap: .75rem 1.5rem; margin-top: 2.25rem; }
.runs td { font-size: .875rem; line-height: 1.7; }
.runs tbody th { white-space: nowrap; }
.runs td:last-child { overflow-wrap: anywhere; }
pre {
  margin: .75rem 0; padding: 1rem; font-size: .875rem; line-height: 1.5;
  white-space: pre-wrap; overflow-wrap: anywhere; tab-size: 8; unicode-bidi: isolate;
}
pre:empty { display: none; }
pre .bold { font-weight: 700; }
pre .underline { text-decoration: underline; }
/* The end of a page that grows. Who has jumped there stays there: it is what the browser keeps in its place. */
#end { position: absolute; bottom: 0; width: 1px; height: 1px; }
[role=log] { overflow-anchor: none; }
/* While a run goes on, its page only grows: what it has become supersedes what it was. */
.now:has(~ .now), .now:has(~ .result), .cancel:has(~ .result) { display: none; }
.ways > :empty { display: none; }
.cancel { margin: 1rem 0; }

@media (max-width: 40rem) {
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  table { border: 0; background: none; }
  tbody { display: grid; gap: .75rem; }
  tbody tr {
    display: grid; gap: .25rem; padding: 1rem;
    border: 1px solid var(--line); border-radius: 8px; background: var(--sheet);
  }
  tbody tr > * { padding: 0; }
  tbody tr + tr > * { border: 0; }
  tbody td:empty { display: none; }
  td > p { white-space: normal; }
  tbody td[data-label] { position: relative; padding-left: 5.5rem; }
  td[data-label]::before {
    content: attr(data-label); position: absolute; left: 0;
    color: var(--quiet); font-size: .875rem; line-height: 1.5rem;
  }
  td.act { margin-top: .5rem; text-align: left; }
  td.act .button, .sheet > form .button { width: 100%; text-align: center; }
  .runs tbody tr { grid-template-columns: 1fr auto; }
  .runs td[data-label] { grid-column: 1 / -1; padding-left: 3.5rem; }
  dl { column-gap: 1rem; }
}
"""
STYLE += "".join(
    "pre .%s { color: var(--%s); } pre .on-%s { background: var(--on-%s); }\n" % (name, name, name, name)
    for name in colours.NAMES
)

# A mark for each tone (labels.py), as the icon of a tab: not by its colour alone.
_ICONS = {
    "good": ("#1a7035", "M4 8.5l3 3 5-6.5"),
    "bad": ("#b3261e", "M5 5l6 6M11 5l-6 6"),
    "odd": ("#7d5200", "M8 3v6M8 10.5v2"),
    "busy": ("#0a5aa8", "M6.5 5v6l4.5-3z"),
    "calm": ("#59616b", "M5 8h6"),
}


def _hash(text):
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


# Images are the icon alone; that one needs no request.
_POLICY = (
    "default-src 'none'; style-src 'sha256-%s'; script-src 'sha256-%s'; connect-src 'self'; img-src data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'" % (_hash(STYLE), _hash(SCRIPT))
)
# With another Referrer-Policy than this, such as no-referrer, a browser sends `Origin: null` along with our own forms.
HEADERS = [("Content-Security-Policy", _POLICY), ("Referrer-Policy", "same-origin")]


class Frame:
    """What stands around each page. host: whose triggers they are. user: "" where nobody was asked. is_part: whether a
    page that is there already asks for what is new (script.py): then that is left out which it has."""

    def __init__(self, host: str, user: str, is_part: bool = False) -> None:
        self.title = "Triggers on " + host
        self.user = user
        self.is_part = is_part

    def reply(
        self,
        status: int,
        reason: str,
        title: str | None,
        *content: str,
        headers: Iterable[tuple[str, str]] = (),
        state: str = "",
        tone: str = "calm",
    ) -> Reply:
        """Return a whole page. reason: for the log. title, state, tone: as begin() takes them."""
        page = join((self.begin(title, state, tone), *content, self.end()))
        return Reply(status, self.reason(reason), page.encode(), CONTENT_TYPE, HEADERS + list(headers))

    def reason(self, reason: str) -> str:
        """Return what the log is told of a page: nothing where it is asked for again and again."""
        return "" if self.is_part else reason

    def begin(self, title: str | None, state: str = "", tone: str = "calm", without_script: str = "") -> Markup:
        """Return all that comes before a page's content. title: None for the list's. state: what the title says before
        it, of what goes on. tone: the icon's, see labels.py. without_script: the query of the page that goes on by
        itself where no script runs, "" where there is none."""
        titles = element("title", " · ".join(filter(None, (state, title, self.title)))), _icon(tone)
        if self.is_part:
            return join((*titles, markup.begin("main")))
        way_back = element("nav", element("a", "← All triggers", href="/"), aria_label="Site") if title else ""
        user = element("span", "Signed in as ", element("strong", self.user)) if self.user else ""
        return join(
            (
                Markup("<!DOCTYPE html>\n"),
                markup.begin("html", lang="en"),
                _head(titles, without_script),
                markup.begin("body"),
                element("header", way_back, user),
                markup.begin("main"),
            )
        )

    def end(self) -> Markup:
        """Return all that comes behind it."""
        if self.is_part:
            return markup.end("main")
        return join((markup.end("main"), markup.end("body"), markup.end("html"), "\n"))


def _head(titles, without_script):
    refresh = element("meta", http_equiv="refresh", content="0; url=" + without_script)
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        *titles,
        element("noscript", refresh) if without_script else "",
        element("style", Markup(STYLE)),
        element("script", Markup(SCRIPT)),
    )


def _icon(tone):
    colour, mark = _ICONS[tone]
    image = (
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'><circle cx='8' cy='8' r='8' fill='%s'/>"
        "<path d='%s' fill='none' stroke='#fff' stroke-width='2'/></svg>" % (colour, mark)
    )
    return element("link", rel="icon", href="data:image/svg+xml," + image.replace("#", "%23"))
