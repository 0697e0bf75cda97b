"""The pages that say why there is nothing else to see. No I/O."""

from __future__ import annotations

from trigger.page import status
from trigger.page.markup import element

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from trigger.endpoint import Endpoint
    from trigger.http import Refusal
    from trigger.page.layout import Frame
    from trigger.page.submit import Answer
    from trigger.responses import Reply

_HEADINGS = {
    400: "The request was not understood",
    403: "Not allowed",
    404: "Page not found",
    405: "Method not allowed",
    408: "The request took too long",
    413: "Request too large",
    500: "Something went wrong",
    503: "Unavailable for now",
}
_ADVICE = {
    403: "If you should be able to do this, ask whoever looks after this host.",
    500: "The host's journal says more.",
    503: "Try again in a moment.",
}
# What an acceptor's refusal of a run means to a person.
_NOT_STARTED = {
    403: "You may not start it from where you are.",
    409: "A run is already under way, and it does not take another one until that has ended.",
    413: "What was filled in is longer than it accepts.",
    429: "It was started more often than it may be.",
    503: "It takes no requests for now, or too many are waiting already.",
}


def of_refusal(frame: Frame, refusal: Refusal) -> Reply:
    """Return the page that tells a refusal."""
    heading = _HEADINGS.get(refusal.status, "This was refused")
    sentences = [sentence(refusal.reason), _ADVICE.get(refusal.status)]
    return draw(frame, refusal.status, refusal.reason, heading, sentences, "/", "All triggers", refusal.headers)


def not_started(frame: Frame, endpoint: Endpoint, answer: Answer) -> Reply:
    """Return the page that says why an acceptor starts nothing."""
    headers = []
    sentences = [_NOT_STARTED.get(answer.status, "The endpoint refused the request.")]
    if answer.text:
        sentences.append("It says: " + sentence(answer.text))
    if answer.retry_after and answer.retry_after.isdigit():
        headers.append(("Retry-After", answer.retry_after))
        sentences.append("Try again in %s s." % answer.retry_after)
    code = answer.status if 400 <= answer.status < 600 else 502
    return _of_endpoint(frame, endpoint, code, "Nothing was started", sentences, headers)


def not_cancelled(frame: Frame, endpoint: Endpoint, answer: Answer) -> Reply:
    """Return the page that says why an acceptor cancels nothing."""
    sentences = ["It says: " + sentence(answer.text)] if answer.text else ["The endpoint refused the request."]
    code = answer.status if 400 <= answer.status < 600 else 502
    return _of_endpoint(frame, endpoint, code, "Nothing was cancelled", sentences)


def ignored(frame: Frame, endpoint: Endpoint, answer: Answer) -> Reply:
    """Return the page that says that nothing was to be done."""
    sentences = ["It looked at the request, and found nothing to do."]
    if answer.text:
        sentences.append("It says: " + sentence(answer.text.removeprefix("ignored: ")))
    return _of_endpoint(frame, endpoint, 200, "Nothing was started", sentences)


def unreachable(frame: Frame, endpoint: Endpoint, was_asked: bool) -> Reply:
    """Return the page that says that an acceptor does not answer. was_asked: whether it may have heard."""
    if was_asked:
        sentences = ["It did not answer. Its latest runs show whether one was started."]
        return _of_endpoint(frame, endpoint, 504, "No answer", sentences)
    sentences = ["It is not listening; somebody may have switched it off for a while."]
    return _of_endpoint(frame, endpoint, 503, "Nothing was started", sentences)


def draw(
    frame: Frame,
    code: int,
    reason: str,
    heading: str,
    sentences: list[str | None],
    href: str,
    label: str,
    headers: Iterable[tuple[str, str]] = (),
) -> Reply:
    """Return a page of a heading, sentences and a way on."""
    paragraphs = [element("p", text) for text in sentences if text]
    way_on = element("p", element("a", label, href=href))
    return frame.reply(code, reason, heading, element("h1", heading), *paragraphs, way_on, headers=headers)


def sentence(text: str) -> str:
    """Make a sentence of what programs say."""
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?", "!")) else ".")


def _of_endpoint(frame, endpoint, code, heading, sentences, headers=()):
    title = "%s: %s" % (endpoint.name, heading)
    way_back = (status.place(endpoint), "Back to " + endpoint.name)
    return draw(frame, code, heading.lower(), title, sentences, *way_back, headers)
