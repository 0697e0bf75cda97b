"""GET of what became of requests: PATH/runs, PATH/runs/ID and PATH/runs/ID/output; and DELETE of a run, to cancel it.
No I/O; see runs and cancellations for that."""

from trigger import entry
from trigger.http import Refusal, Request

LIST_LIMIT = 100
LIST_DEFAULT = 20


class Call:
    """What is asked for. run_id: None for the list. limit: of the list. output: whether the output is wanted; follow:
    whether to its end. cancel: whether the run is to be cancelled."""

    def __init__(
        self,
        run_id: "str | None" = None,
        limit: int = LIST_DEFAULT,
        output: bool = False,
        follow: bool = False,
        cancel: bool = False,
    ) -> None:
        self.run_id = run_id
        self.limit = limit
        self.output = output
        self.follow = follow
        self.cancel = cancel


def parse(runs_path: str, request: Request) -> "Call | None":
    """Return what is asked for, or None when the request is not for this. runs_path: where it is served. Raises
    Refusal."""
    base = runs_path.encode()
    if not (request.path + b"/").startswith(base + b"/"):
        return None
    if request.method not in (b"GET", b"HEAD", b"DELETE"):
        raise Refusal(405, "a run can be looked at, or cancelled by DELETE", [("Allow", "GET, HEAD, DELETE")])
    if request.content_length != 0:
        raise Refusal(400, "this request takes no body")
    run_id, slash, rest = request.path[len(base) + 1 :].decode().partition("/")
    cancel = request.method == b"DELETE"
    if cancel and (slash or not run_id):
        raise Refusal(405, "this can be looked at only", [("Allow", "GET, HEAD")])
    query = dict(pair.partition(b"=")[::2] for pair in request.query.split(b"&"))
    if not run_id and not slash:
        return Call(limit=_limit(query))
    if not entry.is_id(run_id) or (slash and rest != "output"):
        raise unknown()
    return Call(run_id, output=bool(slash), follow=query.get(b"follow") == b"1", cancel=cancel)


def unknown() -> Refusal:
    """The Refusal for a run that is not known here, or was once."""
    return Refusal(404, "no such run is known")


def _limit(query):
    text = query.get(b"limit", b"%d" % LIST_DEFAULT)
    if not text.isdigit() or len(text) > 4 or not 1 <= int(text) <= LIST_LIMIT:
        raise Refusal(400, "limit must be a number from 1 to %d" % LIST_LIMIT)
    return int(text)
