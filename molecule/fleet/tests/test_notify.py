"""files/notify@.service tells a web address how a run ended."""

import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qs

from background import Background
from host import exchange, request_id, run


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posts.append((self.path, parse_qs(body.decode())))
        self.send_response(204)
        self.end_headers()
        threading.Thread(target=self.server.shutdown).start()


def test_a_failure_is_posted():
    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        server.posts = []
        address = Path("/etc/notify-address")
        address.write_text(f"http://127.0.0.1:{server.server_port}/room?secret=s")
        address.chmod(0o600)
        run("systemctl", "daemon-reload")
        receiving = Background(server.serve_forever)
        identifier = request_id(exchange(3004))
        receiving.result()
        text = f"failing on {socket.gethostname()}: run {identifier} failed"
        assert server.posts == [("/room?secret=s", {"text": [text]})]
