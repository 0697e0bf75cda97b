"""A thousand clients at once."""

import asyncio
import collections

from front import basic, trust

COUNT = 1000


def test_a_thousand_clients_at_once_are_all_served(host):
    """First all of them come, then all of them ask."""
    field = basic("bob")["Authorization"]
    message = f"POST /crowd/ HTTP/1.1\r\nHost: {host}.test\r\nAuthorization: {field}\r\n".encode()
    message += b"Content-Length: 0\r\nConnection: close\r\n\r\n"

    async def one(there, everybody):
        try:
            reader, writer = await asyncio.open_connection(f"{host}.test", 443, ssl=trust(host))
        finally:
            there.append(None)
            if len(there) == COUNT:
                everybody.set()
        await everybody.wait()
        writer.write(message)
        answer = await reader.read()
        writer.close()
        return answer

    async def all_of_them():
        there, everybody = [], asyncio.Event()
        clients = [one(there, everybody) for _ in range(COUNT)]
        return await asyncio.wait_for(asyncio.gather(*clients, return_exceptions=True), 90)

    answers = asyncio.run(all_of_them())
    told = collections.Counter(answer[:12] if isinstance(answer, bytes) else repr(answer) for answer in answers)
    assert told == {b"HTTP/1.1 200": COUNT}
    ids = {line for answer in answers for line in answer.split(b"\r\n") if line.startswith(b"X-Request-Id: ")}
    assert len(ids) == COUNT
