"""What the tests of the pages stand on."""

import pytest
from page_host import SECRET, parsed, tree

from trigger.page.access import Door
from trigger.page.routes import Desk

FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def ask(host):
    """Asks for a page. Returns the status, and the page's elements, or the body that is no page."""
    desk = Desk(host.etc, lambda: False)

    def ask(path="/", method="GET", body=b"", **told):
        request = parsed(method, path, Content_Length=str(len(body)), Content_Type=FORM, **told)
        reply = desk.answer(Door(SECRET).enter(request), request, body)
        content = reply.body
        if reply.source is not None:
            content = b"".join(iter(reply.source.read, b""))
            reply.source.close()
        return reply, tree(content)

    return ask
