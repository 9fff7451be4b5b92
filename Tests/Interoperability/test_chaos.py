"""Chaos: subscribers on all three transports whose connections are cut again and again while messages flow.

Whatever is cut, and wherever: each subscriber, coming back with the cursor of the last envelope it has whole, sees each
message of its topics once and in the order of the log, or a gap that covers exactly what it does not see. The publishers'
answers are the record it is held to.

CHAOS_MESSAGES makes it longer, CHAOS_SEED repeats a run (the seed is in the name of the test).
"""

import asyncio
import base64
import json
import os
import random
import socket
import struct

import pytest

import harness

MESSAGES = int(os.environ.get("CHAOS_MESSAGES", 20_000))
SEED = int(os.environ.get("CHAOS_SEED", 20_261))
SUBSCRIBERS, CUTS, TOPICS, PUBLISHERS = 50, 20, 20, 8

# How long one connection may live before it is cut, if it has not had its number of bytes before. Seconds.
LONGEST_LIFE = 0.5
# How much a publisher sends ahead of its answers.
BLOCK = 25


class Proxy:
    """Carries one connection at a time to the server, and cuts it after a number of bytes, wherever that is."""

    def __init__(self, port):
        self.target = port
        self.budget = None  # bytes of the server that still pass; None: all
        self.writers = []

    async def start(self):
        self.listener = await asyncio.start_server(self.accept, "127.0.0.1", 0)
        self.port = self.listener.sockets[0].getsockname()[1]

    async def accept(self, reader, writer):
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.close()
            return
        self.writers = [writer, far_writer]
        try:
            await asyncio.gather(self.carry(reader, far_writer, False), self.carry(far_reader, writer, True))
        except asyncio.CancelledError:
            pass  # The run has failed: it is not this that is to be told.

    async def carry(self, reader, writer, is_from_server):
        try:
            while data := await reader.read(65536):
                if is_from_server and self.budget is not None:
                    data, rest = data[:self.budget], data[self.budget:]
                    self.budget -= len(data)
                    writer.write(data)
                    if rest or self.budget == 0:
                        break
                else:
                    writer.write(data)
                await writer.drain()
        except OSError:
            pass
        self.cut()

    def cut(self, by_reset=False):
        writers, self.writers = self.writers, []
        for writer in writers:
            if by_reset:
                connection = writer.get_extra_info("socket")
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
            else:
                writer.close()

    def close(self):
        self.cut()
        self.listener.close()


async def open_stream(port, topics, token, since, form):
    """`GET /events`: an iterator of (envelope, id of the event)."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
    writer.write((f"GET {harness.events_path(topics, since=since)} HTTP/1.1\r\nHost: x\r\nAccept: {form}\r\n"
                  f"Authorization: Bearer {token}\r\n\r\n").encode())
    return writer, read_stream(reader, form)


async def read_stream(reader, form):
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    assert head.startswith(b"http/1.1 200 "), head
    body = unchunked(reader) if b"transfer-encoding: chunked" in head else plain(reader)
    separator = b"\n\n" if form == harness.SSE else b"\n"
    buffer = b""
    async for data in body:
        *events, buffer = (buffer + data).split(separator)
        for event in events:
            if not event or event.startswith((b":", b"retry:")):
                continue
            if form == harness.NDJSON:
                yield json.loads(event), None
                continue
            fields = dict(line.split(b": ", 1) for line in event.split(b"\n"))
            yield json.loads(fields[b"data"]), fields[b"id"].decode()


async def plain(reader):
    while data := await reader.read(65536):
        yield data


async def unchunked(reader):
    """The body in chunks (RFC 9112 §7.1), as many at a time as have come."""
    buffer, place = b"", 0
    async for data in plain(reader):
        buffer, place, whole = buffer[place:] + data, 0, []
        while (end := buffer.find(b"\r\n", place)) >= 0:
            size = int(buffer[place:end], 16)
            if len(buffer) < end + 2 + size + 2:
                break
            assert buffer[end + 2 + size:end + 4 + size] == b"\r\n"
            if size == 0:
                return
            whole.append(buffer[end + 2:end + 2 + size])
            place = end + 4 + size
        if whole:
            yield b"".join(whole)


async def open_socket(port, topics, token, since):
    """Envelope mode over a WebSocket: an iterator of (envelope, None)."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
    writer.write(
        b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Protocol: notiflux.v1\r\nSec-WebSocket-Key: " + base64.b64encode(os.urandom(16)) + b"\r\n\r\n")
    request = {"type": "subscribe", "topics": topics, "token": token}
    if since is not None:
        request["since"] = since
    return writer, read_socket(reader, writer, json.dumps(request).encode())


def frame(opcode, payload):
    """A client's frame, masked with zeros (RFC 6455 §5.2)."""
    length = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + struct.pack("!H", len(payload))
    return bytes([0x80 | opcode]) + length + bytes(4) + payload


async def read_socket(reader, writer, request):
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 "), head
    writer.write(frame(1, request))
    buffer, place = b"", 0
    async for data in plain(reader):
        buffer, place = buffer[place:] + data, 0
        while (frame_end := end_of_frame(buffer, place)) is not None:
            start, end = frame_end
            first, payload = buffer[place], buffer[start:end]
            place = end
            if first == 0x89:
                writer.write(frame(10, payload))
            elif first == 0x88:
                return
            else:
                assert first == 0x81, first
                yield json.loads(payload), None


def end_of_frame(buffer, place):
    """Where the payload of a server's frame starts and ends; None while it is not whole."""
    if len(buffer) < place + 2:
        return None
    length, start = buffer[place + 1], place + 2
    size = {126: 2, 127: 8}.get(length, 0)
    if size:
        start += size
        if len(buffer) < start:
            return None
        length = int.from_bytes(buffer[start - size:start], "big")
    return None if len(buffer) < start + length else (start, start + length)


class Subscriber:
    """One subscriber over all its connections, and what it has seen."""

    def __init__(self, name, form, topics, token, port, chooser):
        self.name, self.form, self.topics, self.token, self.chooser = name, form, topics, token, chooser
        self.proxy = Proxy(port)
        self.start = None  # where its first subscription began
        self.cursor = None  # of the last envelope it has whole
        self.last = 0  # the highest number of a message seen
        self.seen = {topic: [] for topic in topics}  # numbers
        self.gaps = {topic: [] for topic in topics}  # (from, to]
        self.data = {}  # number: (topic, data)
        self.cuts = 0
        self.cut_while_live = 0
        self.began = asyncio.Event()
        self.finals = None  # topic: number of its last message, once all is published
        self.finished = asyncio.Event()

    def __repr__(self):
        return f"{self.name} ({self.form}, {self.cuts} cuts, at {self.cursor})"

    async def run(self):
        await self.proxy.start()
        try:
            while self.start is None:
                await self.connect_once(10_000)
            while self.cuts < CUTS:
                await asyncio.sleep(self.chooser.expovariate(20))
                # From a cut in the head of the answer to one long after.
                await self.connect_once(int(10 ** self.chooser.uniform(1.5, 5)))
            while not self.is_complete():
                await self.connect_once(None, is_last=True)
        finally:
            self.proxy.close()

    async def connect_once(self, budget, is_last=False):
        """One connection up to its cut."""
        self.proxy.budget = budget
        writer = None
        try:
            open_it = open_socket if self.form == "websocket" else open_stream
            form = () if self.form == "websocket" else (self.form,)
            writer, envelopes = await open_it(self.proxy.port, self.topics, self.token, self.cursor, *form)
            # The last one stays, but asks anew now and then: the end may become known after the last message.
            life = 2 if is_last else self.chooser.uniform(0.02, LONGEST_LIFE)
            await asyncio.wait_for(self.read(envelopes, is_last), life)
        except (asyncio.TimeoutError, asyncio.IncompleteReadError, OSError):
            pass
        finally:
            self.cuts += not is_last
            self.proxy.cut(by_reset=self.chooser.random() < 0.5)
            if writer is not None:
                writer.transport.abort()

    async def read(self, envelopes, is_last):
        first = True
        async for envelope, position in envelopes:
            kind = envelope["type"]
            if kind == "welcome":
                continue
            if first:
                assert kind == "subscribed", (self, envelope)
                if self.cursor is not None:
                    assert envelope["cursor"] == self.cursor, (self, envelope)
                first = False
            self.take(kind, envelope, position)
            if is_last and self.is_complete():
                return

    def take(self, kind, envelope, position):
        if kind == "message":
            topic, number = envelope["topic"], harness.number(envelope["cursor"])
            assert number > self.last, (self, "doubled or out of order", envelope, self.last)
            if self.gaps[topic]:
                assert number > self.gaps[topic][-1][1], (self, "after a gap that covers it", envelope, self.gaps[topic][-1])
            self.last = number
            self.seen[topic].append(number)
            self.data[number] = (topic, envelope["data"])
        elif kind == "gap":
            topic, start, end = envelope["topic"], harness.number(envelope["from"]), harness.number(envelope["to"])
            assert start < end, (self, envelope)
            if self.seen[topic]:
                assert start >= self.seen[topic][-1], (self, "a gap over what was delivered", envelope)
            self.gaps[topic].append((start, end))
        else:
            assert kind in ("subscribed", "caught-up"), (self, envelope)
        # The rule of docs/protocol.md: the `cursor` of the last envelope that has one. A browser has the last event's id.
        cursor = envelope.get("cursor")
        if position is not None:
            assert cursor in (None, position), (self, envelope, position)
            cursor = position
        if cursor is not None:
            # Never a step back, nor a step behind what has been delivered.
            assert harness.number(cursor) >= max(self.last, harness.number(self.cursor) if self.cursor else 0), (self, envelope)
            self.cursor = cursor
            if self.start is None:
                self.start = harness.number(cursor)
                self.began.set()

    def is_complete(self):
        return self.finals is not None and all(
            self.seen[topic] and self.seen[topic][-1] == number for topic, number in self.finals.items() if topic in self.seen)

    def judge(self, record, gaps_allowed):
        """Holds what was seen against all that was published, {number: (topic, data)}."""
        assert self.cuts == CUTS
        for number, message in self.data.items():
            assert record[number] == message, (self, "not what was published", number)
        for topic in self.topics:
            wanted = {number for number, (its_topic, _) in record.items() if its_topic == topic and number > self.start}
            seen = set(self.seen[topic])
            covered = {number for number in wanted for start, end in self.gaps[topic] if start < number <= end}
            assert seen <= wanted
            lost = wanted - seen - covered
            assert not lost, (self, topic, "lost without a word", sorted(lost)[:10], self.gaps[topic])
            assert not seen & covered, (self, topic, "a gap over what came", sorted(seen & covered)[:10])
            for start, end in self.gaps[topic]:
                assert any(start < number <= end for number in wanted), (self, topic, "a gap over nothing", start, end)
            assert gaps_allowed or not self.gaps[topic], (self, topic, self.gaps[topic])


class Publisher:
    """One kept-alive connection that publishes: one request a message, or one endless batch."""

    def __init__(self, name, is_batch, port, token, chooser):
        self.name, self.is_batch, self.port, self.token, self.chooser = name, is_batch, port, token, chooser
        self.record = {}
        self.count = 0

    async def open(self):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        if self.is_batch:
            self.writer.write(self.head("application/x-ndjson", "Transfer-Encoding: chunked"))

    def head(self, kind, framing):
        return (f"POST /broadcast HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\n"
                f"Authorization: Bearer {self.token}\r\n{framing}\r\n\r\n").encode()

    async def publish(self, topics):
        """One message to each of the topics, one after the other."""
        messages = []
        for topic in topics:
            self.count += 1
            text = f"{self.name}.{self.count} {'é' * self.chooser.choice([0, 10, 100])}"
            messages.append((topic, text))
        bodies = [json.dumps({"topic": topic, "message": text}).encode() for topic, text in messages]
        if self.is_batch:
            lines = b"".join(body + b"\n" for body in bodies)
            self.writer.write(b"%x\r\n" % len(lines) + lines + b"\r\n")
            answers = await self.batch_answers(len(bodies))
        else:
            answers = []
            for body in bodies:
                self.writer.write(self.head("application/json", f"Content-Length: {len(body)}") + body)
                head = (await self.reader.readuntil(b"\r\n\r\n")).lower()
                assert head.startswith(b"http/1.1 200 "), head
                answers.append(await self.reader.readexactly(int(head.split(b"content-length:")[1].split()[0])))
        for message, answer in zip(messages, answers, strict=True):
            number = harness.number(json.loads(answer)["cursor"])
            assert not self.record or number > max(self.highest, 0)
            self.highest = number
            self.record[number] = message

    async def batch_answers(self, count):
        if not self.record:
            head = await self.reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 "), head
        text = b""
        while text.count(b"\n") < count:
            size = int(await self.reader.readuntil(b"\r\n"), 16)
            assert size, "the batch ended early"
            text += (await self.reader.readexactly(size + 2))[:-2]
        return text.splitlines()

    async def close(self):
        if self.is_batch:
            self.writer.write(b"0\r\n\r\n")
            assert await self.reader.readexactly(5) == b"0\r\n\r\n"
        self.writer.close()


async def chaos(server, keys, seed, gaps_allowed):
    chooser = random.Random(seed)
    topics = [f"topic {number}" for number in range(TOPICS)]
    subscribers = []
    for number in range(SUBSCRIBERS):
        held = chooser.sample(topics, chooser.randint(1, 4))
        subscribers.append(Subscriber(
            f"subscriber {number}", harness.TRANSPORTS[number % 3], held, harness.mint(keys, held, ttl=86_400),
            server.port, random.Random(f"{seed} subscriber {number}")))
    token = harness.mint(keys, topics, "broadcast", ttl=86_400)
    publishers = [Publisher(f"p{number}", number % 2 == 0, server.port, token, random.Random(f"{seed} publisher {number}"))
                  for number in range(PUBLISHERS)]
    runs = [asyncio.create_task(subscriber.run()) for subscriber in subscribers]

    async def publish():
        await asyncio.gather(*[subscriber.began.wait() for subscriber in subscribers])
        await asyncio.gather(*[publisher.open() for publisher in publishers])
        published = 0
        while published < MESSAGES:
            # In step with the cuts, so that there are cuts as long as messages flow.
            while published / MESSAGES > sum(subscriber.cuts for subscriber in subscribers) / (SUBSCRIBERS * CUTS) + 0.02:
                await asyncio.sleep(0.005)
            await asyncio.gather(*[
                publisher.publish([publisher.chooser.choice(topics) for _ in range(BLOCK)]) for publisher in publishers])
            published += BLOCK * PUBLISHERS
        # The last of each topic: who has it, or has it behind a gap, has all.
        await publishers[0].publish(topics)
        finals = {topic: number for number, (topic, _) in sorted(publishers[0].record.items())[-TOPICS:]}
        for subscriber in subscribers:
            subscriber.finals = finals
        await asyncio.gather(*[publisher.close() for publisher in publishers])

    everything = asyncio.gather(publish(), *runs)
    try:
        await asyncio.wait_for(everything, 60 + MESSAGES / 200)
    except asyncio.TimeoutError:
        raise AssertionError(("not done in time", [one for one in subscribers if not one.is_complete()])) from None

    record = {}
    for publisher in publishers:
        assert not record.keys() & publisher.record.keys(), "a number given twice"
        record.update(publisher.record)
    # One log: all the numbers from the first to the last.
    assert sorted(record) == list(range(1, len(record) + 1)) and len(record) >= MESSAGES
    for subscriber in subscribers:
        subscriber.judge(record, gaps_allowed)
    gaps = sum(len(found) for subscriber in subscribers for found in subscriber.gaps.values())
    print(f"{len(record)} messages, {sum(len(one.data) for one in subscribers)} deliveries, "
          f"{sum(one.cuts for one in subscribers)} cuts, {gaps} gaps")
    return gaps


@pytest.mark.parametrize("seed", [SEED])
def test_with_history_enough_nothing_is_lost_doubled_or_out_of_order(make_server, keys, seed):
    server = make_server("--history-size", 2 * MESSAGES, "--history-ttl", "1h", "--history-memory", "1024MiB")
    assert asyncio.run(chaos(server, keys, seed, gaps_allowed=False)) == 0


@pytest.mark.parametrize("seed", [SEED + 1])
def test_with_hardly_any_history_the_gaps_cover_exactly_what_is_missing(make_server, keys, seed):
    server = make_server("--history-size", 3, "--history-ttl", "1h")
    assert asyncio.run(chaos(server, keys, seed, gaps_allowed=True)) > 0
