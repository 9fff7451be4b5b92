"""Measures what history costs: resident memory, before and after. Prints a table; judges nothing.

    NOTIFLUX_BINARY=.build/release/notiflux python Tests/Interoperability/measure_history.py
"""

import asyncio
import json
import pathlib
import sys
import tempfile
import time

import harness

MIB = 2**20
LIMIT = 32 * MIB
# About what a message is charged beside its own bytes, so as to know when the history is full.
CHARGE = 176
ROW = "{:<44} {:>10} {:>11} {:>10} {:>10} {:>12}"


async def publish(server, token, messages):
    """Publishes (topic, message) pairs as one batch; reads the answers while it goes on."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"POST /broadcast HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n"
                 b"Connection: close\r\nAuthorization: Bearer " + token.encode() + b"\r\n\r\n")

    async def send():
        block, count = bytearray(), 0
        for topic, message in messages:
            block += json.dumps({"topic": topic, "message": message}).encode() + b"\n"
            count += 1
            if len(block) > 65536:
                writer.write(b"%x\r\n%b\r\n" % (len(block), block))
                await writer.drain()
                block.clear()
        if block:
            writer.write(b"%x\r\n%b\r\n" % (len(block), block))
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return count

    async def count_answers():
        count = 0
        while data := await reader.read(65536):
            assert b'"error"' not in data, data
            count += data.count(b'{"cursor"')
            # A key may lie across two pieces: of no matter here, where it is only seen that about all are answered.
        return count

    sent, answered = await asyncio.gather(send(), count_answers())
    writer.close()
    assert answered > sent * 0.99, (sent, answered)
    return sent


def row(name, before, after, published, later=None):
    cells = [f"{before / MIB:.1f}", f"{after / MIB:.1f}", f"{(after - before) / MIB:.1f}",
             "" if later is None else f"{later / MIB:.1f}", str(published)]
    print(ROW.format(name, *cells), flush=True)


def fill(keys, folder, size, topics=100, limit=LIMIT):
    """History filled beyond its byte limit with messages of one size."""
    with harness.Server(folder, "--public-key", keys.public, "--history-memory", limit, "--history-size", 1_000_000,
                        "--history-ttl", "1h") as server:
        names = [f"topic {number}" for number in range(topics)]
        token = harness.mint(keys, names, "broadcast", ttl=86_400)
        # What the server needs to publish at all, and the largest buffers it will use here.
        asyncio.run(publish(server, token, [(names[0], "x" * size)] * 10))
        before = server.resident_bytes()
        count = int(1.3 * limit) // (size + CHARGE)
        published = asyncio.run(publish(server, token, ((names[number % topics], "x" * size) for number in range(count))))
        row(f"{size:,} bytes, {topics} topics, limit {limit // MIB} MiB", before, server.resident_bytes(), published)


def forget(keys, folder, topics=100_000, lifetime=2):
    """Topics used once each; then the time passes, and they are used once each again, under other names."""
    with harness.Server(folder, "--public-key", keys.public, "--history-ttl", f"{lifetime}s") as server:
        before = server.resident_bytes()
        for turn in range(3):
            for part in range(0, topics, 100):
                names = [f"{turn} topic {number}" for number in range(part, part + 100)]
                token = harness.mint(keys, names, "broadcast", ttl=86_400)
                asyncio.run(publish(server, token, [(name, "x" * 100) for name in names]))
            after = server.resident_bytes()
            time.sleep(2 * lifetime + 1)
            # The next message lets go of the old ones, if the clock has not.
            asyncio.run(publish(server, harness.mint(keys, ["last"], "broadcast"), [("last", "m")]))
            row(f"{topics:,} topics used once, turn {turn + 1}, TTL {lifetime} s", before, after, topics, server.resident_bytes())


def main():
    harness.raise_file_limit()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        keys = harness.Keys.make(folder / "keys")
        print(f"resident memory in MiB, {harness.binary()}")
        print(ROW.format("", "before", "after", "growth", "later", "published"))
        for size in (100, 1000, 100_000):
            fill(keys, folder / f"size-{size}", size)
        forget(keys, folder / "topics")


if __name__ == "__main__":
    sys.exit(main())
