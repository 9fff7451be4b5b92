#!/usr/bin/env python3
"""The soak: does a server that works for long stay what it was?

`notiflux bench fanout` keeps a steady load on a server and checks every delivery. Beside it visitors come and go all
the time, over every transport, each visit with a token of its own: they subscribe, check by number that no message of
their topic is missing, doubled or out of order, leave in good order or without a word, and come back with their cursor.
Every ten seconds the server's memory, descriptors and threads are read from /proc. Needs the Python of the tests with
foreign clients:

    scripts/test-interoperability .build/release/notiflux --collect-only -q   # makes it
    .build/interoperability/bin/python Benchmarks/soak.py --duration 20m

The exit code is 1 when anything went wrong, when the resident memory of the last quarter was on average more than
5 % above that of the second, or when descriptors or threads are left at the end. The first quarter is for what the server
keeps for a time: tokens, history, and for five minutes idempotency keys. So the verdict on memory means something from 20
minutes on.
"""

import argparse
import asyncio
import base64
import collections
import json
import os
import pathlib
import random
import re
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "Tests" / "Interoperability"))

import harness  # noqa: E402

KINDS = ["text", "envelopes", harness.SSE, harness.NDJSON]
TOPICS = 200
PUBLISHES_PER_SECOND = 40
SAMPLE_SECONDS = 10
GROWTH = 1.05
# Short, so that all that is kept for a time is there when the second quarter of 20 minutes begins.
TOKEN_SECONDS = 20
HISTORY_TTL = "1m"
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


def seconds(text):
    match = re.fullmatch(r"(\d+)(s|m|h)", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no time such as 90s, 20m or 2h")
    duration = int(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2]]
    if duration < 60:
        raise argparse.ArgumentTypeError(f"{text} has no four quarters to compare: a minute at least")
    return duration


# --- The server, from outside ------------------------------------------------------------------------------------------

def status(server):
    """Resident MiB, descriptors, threads."""
    fields = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{server.pid}/status").read_text().splitlines())
    descriptors = len(os.listdir(f"/proc/{server.pid}/fd"))
    return int(fields["VmRSS"].split()[0]) / 1024, descriptors, int(fields["Threads"])


# --- Visitors ----------------------------------------------------------------------------------------------------------

class Topic:
    """One publisher numbers its messages from 1."""

    def __init__(self, name):
        self.name = name
        self.last = 0


class Stay:
    """One connection of a visitor: `receive` gives the next envelope, in text mode one that was made up."""

    def __init__(self, visitor, kind):
        self.visitor, self.kind = visitor, kind

    async def open(self, port, token):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
        topic, cursor = self.visitor.topic.name, self.visitor.cursor
        if self.kind in (harness.SSE, harness.NDJSON):
            query = urllib.parse.urlencode({"topic": topic, **({"since": cursor} if cursor else {})})
            self.writer.write(
                f"GET /events?{query} HTTP/1.1\r\nHost: soak\r\nAccept: {self.kind}\r\n"
                f"Authorization: Bearer {token}\r\n\r\n".encode())
            await self.expect_head(b"HTTP/1.1 200 ")
            return
        offer = "Sec-WebSocket-Protocol: notiflux.v1\r\n" if self.kind == "envelopes" else ""
        key = base64.b64encode(os.urandom(16)).decode()
        self.writer.write(
            f"GET /ws HTTP/1.1\r\nHost: soak\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{offer}"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode())
        await self.expect_head(b"HTTP/1.1 101 ")
        if self.kind == "text":
            self.send(TEXT, f"/subscribe {topic} {token}".encode())
        else:
            request = {"type": "subscribe", "topic": topic, "token": token, **({"since": cursor} if cursor else {})}
            self.send(TEXT, json.dumps(request).encode())

    async def expect_head(self, start):
        head = await self.reader.readuntil(b"\r\n\r\n")
        if not head.startswith(start):
            raise AssertionError(f"{self.kind}: {head}")

    def send(self, opcode, payload):
        length = bytes([0x80 | len(payload)]) if len(payload) < 126 else struct.pack("!BH", 0xFE, len(payload))
        self.writer.write(bytes([0x80 | opcode]) + length + bytes(4) + payload)  # masked by nothing

    async def receive(self):
        if self.kind == harness.NDJSON or self.kind == harness.SSE:
            return await self.next_event()
        while True:
            first, second = await self.reader.readexactly(2)
            length = second
            if second > 125:
                more = await self.reader.readexactly(2 if second == 126 else 8)
                length = int.from_bytes(more, "big")
            payload = await self.reader.readexactly(length)
            opcode = first & 15
            if opcode == PING:
                self.send(PONG, payload)
            elif opcode == CLOSE:
                raise AssertionError(f"{self.kind}: closed with {payload}")
            elif opcode == TEXT:
                if self.kind == "text":
                    return {"type": "message", "data": payload.decode()}
                return json.loads(payload)

    async def next_event(self):
        """A line of NDJSON, or the `data` of an event, in chunks of HTTP (RFC 9112 §7.1)."""
        while True:
            size = int((await self.reader.readuntil(b"\r\n"))[:-2], 16)
            if size == 0:
                raise AssertionError(f"{self.kind}: the stream ended")
            chunk = (await self.reader.readexactly(size + 2))[:-2]
            self.visitor.lines += chunk.decode()
            *lines, self.visitor.lines = self.visitor.lines.split("\n")
            texts = [line.removeprefix("data:") for line in lines if line.startswith("data:" if self.kind == harness.SSE else "{")]
            self.visitor.waiting.extend(json.loads(text) for text in texts)
            if self.visitor.waiting:
                return self.visitor.waiting.popleft()

    async def leave(self, manner):
        if manner == "reset":
            # Linger 0 makes the close a reset.
            self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.writer.transport.abort()
            return
        if manner == "close frame" and self.kind in ("text", "envelopes"):
            self.send(CLOSE, struct.pack("!H", 1000))
            await self.reader.read()  # all to the end
        self.writer.close()


class Visitor:
    """Comes, stays a while, goes, and comes back."""

    def __init__(self, soak, number):
        self.soak = soak
        self.random = random.Random(number)
        self.topic = soak.topics[number % TOPICS]
        self.kind = KINDS[number // TOPICS % len(KINDS)]
        self.cursor = None
        self.seen = None

    async def live(self):
        # Not all at once.
        await self.pause(self.random.uniform(0, 2 * self.soak.stay))
        while not self.soak.is_over.is_set():
            await self.visit(self.random.uniform(0, 2 * self.soak.stay))
            await self.pause(self.random.uniform(0, 0.1 * self.soak.stay))
        # All that a visitor with a cursor has missed is still to be had.
        if self.cursor and self.seen is not None:
            await self.visit(harness.PATIENCE, to_the_end=True)

    async def pause(self, time):
        try:
            await asyncio.wait_for(self.soak.is_over.wait(), time)
        except TimeoutError:
            pass

    async def visit(self, time, to_the_end=False):
        self.lines, self.waiting = "", collections.deque()
        if self.kind == "text":
            self.seen = None
        stay = Stay(self, self.kind)
        token = self.soak.token([self.topic.name], "subscribe")
        await asyncio.wait_for(stay.open(self.soak.port, token), harness.PATIENCE)
        self.soak.visits += 1
        try:
            async with asyncio.timeout(time):
                while not (to_the_end and self.seen == self.topic.last):
                    self.take(await stay.receive())
        except TimeoutError:
            if to_the_end:
                raise AssertionError(f"{self.kind}: ends at {self.seen} of {self.topic.last}") from None
        await asyncio.wait_for(
            stay.leave(self.random.choice(["close frame", "close", "reset"])), harness.PATIENCE)

    def take(self, envelope):
        """Every message once and in order, across visits too where there is a cursor."""
        if envelope["type"] in ("gap", "error"):
            raise AssertionError(f"{self.kind}: {envelope}")
        if envelope["type"] != "welcome":  # which is not about this topic
            self.cursor = envelope.get("cursor", self.cursor)
        if envelope["type"] != "message":
            return
        number = int(envelope["data"].split()[0])
        if self.seen is not None and number != self.seen + 1:
            raise AssertionError(f"{self.kind}: {number} after {self.seen}")
        self.seen = number
        self.soak.checked += 1


# --- The soak ----------------------------------------------------------------------------------------------------------

class Soak:
    def __init__(self, server, keys, options):
        self.port, self.keys = server.port, keys
        self.stay = options.stay
        self.is_over = asyncio.Event()
        self.topics = [Topic(f"visit-{number}") for number in range(TOPICS)]
        self.visits = self.checked = self.refused = 0

    def token(self, topics, scope):
        return harness.mint(self.keys, topics, scope, ttl=TOKEN_SECONDS)

    async def publish(self):
        """A message now here, now there, each with a new token and an idempotency key; now and then a token that is
        refused."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        count = 0
        while not self.is_over.is_set():
            topic = self.topics[count % TOPICS]
            is_good = count % 10 != 9 or (topic.last == 0)
            message = f"{topic.last + 1} " + "x" * (count * 7919 % 2000)
            answer = await self.post(reader, writer, {
                "topic": topic.name, "message": message, "id": f"soak-{count}",
                "token": self.token([topic.name], "broadcast" if is_good else "subscribe")})
            if answer != (200 if is_good else 403):
                raise AssertionError(f"a publish was answered {answer}")
            topic.last += is_good
            self.refused += not is_good
            count += 1
            await asyncio.sleep(1 / PUBLISHES_PER_SECOND)
        writer.close()

    @staticmethod
    async def post(reader, writer, members):
        body = json.dumps(members).encode()
        writer.write(b"POST /broadcast HTTP/1.1\r\nHost: soak\r\nContent-Type: application/json\r\n"
                     b"Content-Length: %d\r\n\r\n" % len(body) + body)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), harness.PATIENCE)
        await reader.readexactly(int(re.search(rb"(?i)content-length: (\d+)", head)[1]))
        return int(head.split()[1])


async def sample(server, soak, load):
    """The curve, a row every ten seconds while there is load."""
    samples = []
    start = time.monotonic()
    while not (await asyncio.wait([load], timeout=SAMPLE_SECONDS))[0]:
        resident, descriptors, threads = status(server)
        samples.append(resident)
        print(f"{time.monotonic() - start:6.0f} s {resident:7.1f} MiB {descriptors:6} fds {threads:3} threads "
              f"{soak.visits:8} visits {soak.checked:9} checked", flush=True)
    return samples


async def run(server, keys, options):
    before = status(server)
    print(f"     0 s {before[0]:7.1f} MiB {before[1]:6} fds {before[2]:3} threads", flush=True)
    soak = Soak(server, keys, options)
    bench = await asyncio.create_subprocess_exec(
        harness.binary(), "bench", "fanout", "--url", server.url, "--key", keys.private, "--json", "--quiet",
        "--subscribers", str(options.subscribers), "--topics", "10", "--publishers", "4",
        "--rate", str(options.deliveries * 10 // options.subscribers), "--duration", f"{options.duration}s",
        stdout=subprocess.PIPE)
    async with asyncio.TaskGroup() as group:
        group.create_task(soak.publish())
        for number in range(options.visitors):
            group.create_task(Visitor(soak, number).live())
        load = asyncio.create_task(bench.communicate())
        samples = await sample(server, soak, load)
        soak.is_over.set()
    report = json.loads(load.result()[0])
    return before, samples, report, bench.returncode, soak


def verdict(server, before, samples, report, code, soak):
    problems = []
    if code != 0 or not report["passed"]:
        problems.append(f"the steady load did not pass: {json.dumps(report)}")
    quarter = len(samples) // 4
    second, last = statistics.mean(samples[quarter:2 * quarter]), statistics.mean(samples[-quarter:])
    print(f"steady     {json.dumps(report['check'])}")
    print(f"visitors   {soak.visits} visits, {soak.checked} messages checked, {soak.refused} publishes refused")
    print(f"memory     {second:.1f} MiB in the second quarter, {last:.1f} MiB in the last: {100 * (last / second - 1):+.1f} %")
    if last > second * GROWTH:
        problems.append("memory grows")
    for name, place in (("descriptors", 1), ("threads", 2)):
        try:
            harness.until(lambda: status(server)[place] <= before[place], f"{name} go back to {before[place]}")
        except AssertionError as failure:
            problems.append(f"{failure}; there are {status(server)[place]}")
    after = status(server)
    print(f"afterwards {after[0]:.1f} MiB, {after[1]} descriptors, {after[2]} threads; before {before[1]} and {before[2]}")
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--duration", type=seconds, default="20m")
    parser.add_argument("--visitors", type=int, default=2000, help="that come and go")
    parser.add_argument("--stay", type=float, default=20, help="seconds they stay on average")
    parser.add_argument("--subscribers", type=int, default=1000, help="that stay")
    parser.add_argument("--deliveries", type=int, default=20_000, help="a second, to those that stay")
    options = parser.parse_args()
    harness.raise_file_limit()
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        keys = harness.Keys.make(home / "keys")
        with harness.Server(home / "server", "--public-key", keys.public, "--history-ttl", HISTORY_TTL) as server:
            problems = verdict(server, *asyncio.run(run(server, keys, options)))
    for problem in problems:
        print(f"soak: {problem}", file=sys.stderr)
    print("passed" if not problems else "failed")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
