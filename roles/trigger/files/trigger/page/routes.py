"""Which page a request is for. Nothing is served but what is known; everything else does not exist."""

from __future__ import annotations

import time

from trigger import runs, sources
from trigger.entry import is_id
from trigger.http import Refusal, Request
from trigger.page import access, error_pages, form, history, overview, status
from trigger.page.detail import LATEST, Detail
from trigger.page.layout import HEADERS, Frame
from trigger.responses import Reply

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from trigger.page.access import Visitor

_LOOK = (b"GET", b"HEAD")
_FORMS = (b"start", b"cancel")
_AGAIN = b"again="  # with which a query begins by which a page asks for what is new
_PLACES = (b"", b"page", b"runs")  # of an endpoint, beside the runs


class Desk:
    """directory: where the endpoints' configuration is. leaving: a function that says whether this process is about to
    end."""

    def __init__(self, directory: str, leaving: Callable[[], bool]) -> None:
        self._directory = directory
        self._leaving = leaving

    def answer(self, visitor: Visitor, request: Request, body: bytes) -> Reply:
        """Answer a request. Raises Refusal, and OSError when the configuration is not there."""
        asks_again = request.method in _LOOK and request.query.startswith(_AGAIN)
        if request.path == b"/":
            _check_method(request, _LOOK)
            return self._overview(Frame(visitor.host, visitor.name, asks_again), visitor)
        endpoint, place = self._find(request.path)
        frame = Frame(visitor.host, visitor.name, asks_again and place != b"runs")
        if place in _FORMS:
            visitor.check_may_call(endpoint)
            _check_method(request, (b"POST",))
            act = self._start if place == b"start" else self._cancel
            return act(frame, visitor, endpoint, request, body)
        visitor.check_may_look(endpoint)
        _check_method(request, _LOOK)
        if place in (b"", b"page"):
            return self._detail(frame, visitor, endpoint, request)
        if place == b"runs":
            return self._history(frame, visitor, endpoint, request)
        return self._run(frame, visitor, endpoint, request, place[len(b"runs/") :].decode())

    def _overview(self, frame, visitor):
        found = status.endpoints(self._directory)
        mine = [endpoint for endpoint in found if visitor.may_call(endpoint) or visitor.may_look(endpoint)]
        standings = status.standings([each for each in mine if not each.handoff])
        return overview.draw(frame, visitor, [(each, standings.get(each.name)) for each in mine], time.time())

    def _find(self, path):
        """Return the endpoint to which a path belongs, and what follows its location, bytes. Raises Refusal."""
        for endpoint in status.endpoints(self._directory):
            location = endpoint.frontend["location"].encode()
            if access.shows_runs(endpoint) and path.startswith(location):
                place = path[len(location) :]
                if place in _PLACES or (place in _FORMS and endpoint.frontend["page"]):
                    return endpoint, place
                if place[:5] == b"runs/" and is_id(place[5:].decode()):
                    return endpoint, place
        raise Refusal(404, "no page has this address")

    def _detail(self, frame, visitor, endpoint, request):
        like = _asked(request, "like")
        if like is None or not visitor.may_start(endpoint):
            return _detail(frame, visitor, endpoint).draw()
        told, record = _find(runs.Runs(endpoint), like)
        if record is None:
            raise Refusal(404, "with what this run began is not known before it has ended")
        return _detail(frame, visitor, endpoint).draw_like(told, record)

    def _history(self, frame, visitor, endpoint, request):
        if not visitor.may_list:
            raise Refusal(403, "all runs are listed only for somebody who has signed in")
        place = _asked(request, "before"), _asked(request, "after")
        found = status.history(endpoint, history.ON_A_PAGE, *place)
        if found is None:
            raise Refusal(503, "the runs cannot be read")
        return history.draw(frame, endpoint, found, time.time())

    # What not every page needs is loaded when one does: http.client alone is a third of a cold start.

    def _run(self, frame, visitor, endpoint, request, request_id):
        from trigger.page import run

        found = runs.Runs(endpoint)
        shown = None
        if frame.is_part:
            try:
                shown = run.Shown.read(request.query[len(_AGAIN) :].decode("latin-1"))
            except ValueError:
                raise Refusal(400, "no page asks again like this") from None
        told, record = _find(found, request_id, was_there=frame.is_part)
        cancel = None
        if visitor.may_start(endpoint):
            cancel = form.cancel_button(endpoint, visitor.token(endpoint), request_id)
        leaving = self._leaving if request.query == run.FOLLOW.encode() else None
        return run.draw(frame, endpoint, found, told, record, leaving, cancel, shown)

    def _cancel(self, frame, visitor, endpoint, request, body):
        from trigger.page import submit

        token, typed = form.read(endpoint, request, body)
        visitor.check_form(endpoint, request, token)
        request_id = typed.get(form.RUN, "")
        if not is_id(request_id):
            raise Refusal(400, "the form does not say which run")
        try:
            answer = submit.cancel(endpoint, request_id, visitor.fields(request))
        except submit.Unreachable as error:
            status.say("<4>%s: %s" % (endpoint.name, error))
            return error_pages.unreachable(frame, endpoint, error.was_asked)
        if answer.status in (202, 409):  # that it has ended already its page tells, too
            location = "%sruns/%s" % (endpoint.frontend["location"], request_id)
            return Reply(303, "cancelling " + request_id, headers=[*HEADERS, ("Location", location)])
        return error_pages.not_cancelled(frame, endpoint, answer)

    def _start(self, frame, visitor, endpoint, request, body):
        from trigger.page import submit

        token, typed = form.read(endpoint, request, body)
        visitor.check_form(endpoint, request, token)
        is_sure = typed.pop(form.SURE, "") == "yes" or not form.asks_first(endpoint)
        left_empty = form.left_empty(endpoint, typed)
        if not is_sure:
            left_empty.append(("", "Nothing is started before the box is ticked"))
        form.check_names(endpoint, typed)
        composed = submit.Composed(endpoint, typed)
        if left_empty or composed.errors:
            return _detail(frame, visitor, endpoint).draw_again(typed, left_empty + composed.errors)
        try:
            answer = submit.ask(endpoint, composed, visitor.fields(request))
        except submit.Unreachable as error:
            status.say("<4>%s: %s" % (endpoint.name, error))
            return error_pages.unreachable(frame, endpoint, error.was_asked)
        if answer.request_id is not None:
            location = "%sruns/%s" % (endpoint.frontend["location"], answer.request_id)
            return Reply(303, "started " + answer.request_id, headers=[*HEADERS, ("Location", location)])
        if answer.status == 400 and answer.errors:
            return _detail(frame, visitor, endpoint).draw_again(typed, answer.errors)
        if answer.status < 400:
            return error_pages.ignored(frame, endpoint, answer)
        return error_pages.not_started(frame, endpoint, answer)


def _detail(frame, visitor, endpoint):
    return Detail(frame, visitor, endpoint, status.history(endpoint, LATEST), time.time())


def _asked(request, name):
    """Return what the query says of a name, str, or None."""
    return sources.Sources(request, bytes).pairs("query").get(name, [None])[0]


def _find(found, request_id, was_there=False):
    """Return what runs.Runs.find_told() does. Raises Refusal where that is nothing, but for a run that was there."""
    try:
        told, record = found.find_told(request_id)
    except status.DAMAGED as error:
        raise Refusal(503, "what became of this run cannot be read", detail=type(error).__name__) from None
    if told is None and was_there:
        return {"id": request_id, "state": "unknown"}, None
    if told is None:
        raise Refusal(404, "no such run is known, or no longer")
    return told, record


def _check_method(request, allowed):
    if request.method not in allowed:
        raise Refusal(405, "a page is not asked for like this", [("Allow", b", ".join(allowed).decode())])
