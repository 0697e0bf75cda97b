"""What a refused client is told, and the journal. No I/O."""

from trigger import strict_json
from trigger.http import REASONS

PLAIN = "text/plain; charset=utf-8"


def refusal_body(request, refusal):
    """Return the body of an answer, bytes, and its media type, str. request: http.Request, or None when there
    was no head to read. refusal: http.Refusal."""
    if request is not None and accepts_json(request):
        return problem(refusal), "application/problem+json"
    return plain_text(refusal), PLAIN


def journal_text(refusal):
    """Say in one line what was wrong, more than the client is told: str."""
    text = refusal.reason + (": " + refusal.detail if refusal.detail else "")
    if refusal.errors:
        text += ": " + "; ".join("%s %s" % (name or "a parameter", wrong) for name, wrong in refusal.errors)
    return text


def accepts_json(request):
    """Whether a client asks for JSON by name (RFC 9110, section 12.5.1); */* is what everybody sends."""
    for media_range in request.fields.get(b"accept", b"").lower().split(b","):
        name, *parameters = [part.strip(b" \t") for part in media_range.split(b";")]
        if name in (b"application/json", b"application/problem+json", b"application/*"):
            weights = [part[2:] for part in parameters if part.startswith(b"q=")]
            if not weights or weights[0].strip(b"0."):
                return True
    return False


def plain_text(refusal):
    """The refusal as text for people, bytes."""
    lines = ["%d %s" % (refusal.status, refusal.reason)]
    lines += ["%s: %s" % (name or "a parameter", wrong) for name, wrong in refusal.errors]
    return "".join(line + "\n" for line in lines).encode()


def problem(refusal):
    """The same as problem details (RFC 9457), bytes."""
    text = strict_json.encode_text
    members = [
        '"title": ' + text(REASONS[refusal.status]),
        '"status": %d' % refusal.status,
        '"detail": ' + text(refusal.reason),
    ]
    if refusal.errors:
        errors = ['{"parameter": %s, "detail": %s}' % (text(name), text(wrong)) for name, wrong in refusal.errors]
        members.append('"errors": [%s]' % ", ".join(errors))
    return ("{%s}\n" % ", ".join(members)).encode()
