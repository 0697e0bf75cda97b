# The recipe of 2015 in effect: answers everybody who waits without reading what they say, then does the work.
import socket
import sys
import time

import systemd.daemon

for fd in systemd.daemon.listen_fds():
    listener = socket.fromfd(fd, socket.AF_INET, socket.SOCK_STREAM)
    listener.settimeout(0)
    try:
        while True:
            client, _ = listener.accept()
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nOK\n")
            client.close()
    except BlockingIOError:
        pass  # the published script expects socket.timeout here, and ends with a traceback

time.sleep(float(sys.argv[1]))  # its job
