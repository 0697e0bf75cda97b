"""The list: what this user may start or look at, and what became of it last. No I/O."""

from __future__ import annotations

from trigger import natural_order, records, timespan
from trigger.page import form, labels, status, times
from trigger.page.markup import NOTHING, element, join

TYPE_CHECKING = False
if TYPE_CHECKING:
    from trigger.endpoint import Endpoint
    from trigger.page.access import Visitor
    from trigger.page.layout import Frame
    from trigger.responses import Reply

_PROGRAMS, _SERVER, _PAGE, _GET = range(4)


def draw(frame: Frame, visitor: Visitor, standings: list[tuple[Endpoint, status.Standing | None]], now: float) -> Reply:
    """Return the list. standings: those of this user's endpoints alone; None where a server of its own answers. now:
    seconds since the epoch."""
    heading = element("h1", frame.title)
    if not standings:
        return frame.reply(200, "an empty list", None, heading, *_nothing())
    told = _goes_on(standings)
    parts = []
    for group in sorted({_group(endpoint) for endpoint, _ in standings}, key=natural_order.key):
        rows = [_row(visitor, endpoint, standing, now) for endpoint, standing in standings if _group(endpoint) == group]
        if group:
            parts.append(element("h2", group))
        parts.append(_table(rows))
    if told:
        parts.append(element("div", hidden=True, data_again="?again="))
    tone = labels.tone("running" if told else "idle")
    return frame.reply(200, "the list", None, heading, *parts, state=told, tone=tone)


def _goes_on(standings):
    """What is under way, in words; what nobody takes for now is not."""
    known = [standing for _, standing in standings if standing is not None]
    running = sum(standing.running for standing in known)
    waiting = sum(standing.waiting for standing in known if not standing.held)
    return labels.goes_on(running, waiting)


def _group(endpoint):
    return endpoint.frontend.get("group") or ""  # of which files of earlier releases say nothing


def _table(rows):
    titles = [element("th", text, scope="col", role="columnheader") for text in ("Trigger", "State", "Last run")]
    start = element("td", role="cell")
    # The roles say what they are anyway; browsers forget it when a style makes cards of a table.
    return element(
        "table",
        element("thead", element("tr", *titles, start, role="row"), role="rowgroup"),
        element("tbody", *rows, role="rowgroup"),
        role="table",
    )


def _nothing():
    yield element("p", "There is nothing here yet that you may start.")
    yield element(
        "p",
        "A trigger appears here when the playbook puts it behind the ",
        element("code", "frontend"),
        " and names you among its ",
        element("code", "users"),
        ". Ask whoever looks after this host.",
    )


def _row(visitor, endpoint, standing, now):
    kind = _kind(endpoint)
    may_look = visitor.may_look(endpoint)
    last = NOTHING if standing is None else _runs(standing, now, may_look)
    return element(
        "tr",
        element("th", *_name(endpoint, may_look), scope="row", role="rowheader"),
        element(
            "td", join(_state(endpoint, standing), " "), role="cell", data_label="State", id="state-" + endpoint.name
        ),
        element("td", last, role="cell", data_label="Last run", id="last-" + endpoint.name),
        element("td", _action(visitor, endpoint, kind), role="cell", class_="act"),
        role="row",
    )


def _kind(endpoint):
    """What a person can do with it."""
    if endpoint.auth:
        return _PROGRAMS
    if endpoint.handoff:
        return _SERVER
    if endpoint.frontend["page"]:
        return _PAGE
    return _GET if "GET" in endpoint.frontend["methods"] and not form.needs_input(endpoint) else _PROGRAMS


def _name(endpoint, may_look):
    if may_look:
        yield element("a", endpoint.name, href=status.place(endpoint))
    else:
        yield element("strong", endpoint.name)
    description = status.describe(endpoint)
    if description:
        yield element("p", description, class_="quiet")


def _state(endpoint, standing):
    told = [] if standing is None else _goings_on(standing)
    if endpoint.state == "disabled":
        return [*told, labels.badge("disabled")]
    return told or [labels.badge("idle")] * (standing is not None)


def _goings_on(standing):
    if not standing.is_known:
        return [labels.badge("unknown")]
    told = [labels.badge("running")] if standing.running else []
    if standing.waiting:
        told.append(labels.waiting(standing.waiting))
    if standing.held:
        told.append(labels.badge(standing.held))
    return told


def _runs(standing, now, may_look):
    last = _last(standing.last, now) if may_look else NOTHING  # or nobody could find out why it failed
    if standing.next_run is None:
        return last
    return join((last, element("p", "Next ", times.full(records.timestamp(standing.next_run)), class_="quiet")))


def _last(record, now):
    if record is None:
        return labels.badge("never")
    took = "" if record["duration"] is None else ", took " + timespan.span(record["duration"])
    return join(
        (labels.badge(record["state"]), element("p", times.short(record["finished"], now), took, class_="quiet"))
    )


def _action(visitor, endpoint, kind):
    if endpoint.state == "disabled":
        return NOTHING
    if not visitor.may_call(endpoint):
        return element("span", "Started by others", class_="quiet")
    if kind == _PROGRAMS:
        return element("span", "Started by programs", class_="quiet")
    if kind == _SERVER:
        location = endpoint.frontend["location"]
        return element("a", "Open", href=location, class_="button", aria_label="Open " + endpoint.name)
    if kind == _GET:
        return form.button_of_get(endpoint)
    if form.needs_input(endpoint) or form.asks_first(endpoint):
        text = "Fill in…" if form.needs_input(endpoint) else "Start…"
        label = "%s for %s" % (text, endpoint.name)
        return element("a", text, href=status.place(endpoint), class_="button", aria_label=label)
    return form.button_alone(endpoint, visitor.token(endpoint))
