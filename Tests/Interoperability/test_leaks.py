"""Connections that come and go leave nothing behind: not in memory, not in descriptors, not in tables."""

import asyncio
import base64
import os
import resource
import socket
import struct

import pytest

import harness

CONNECTIONS = 1_000
ROUNDS = 20

# An allocator keeps some of what it was given: the level after the first round may be exceeded by this.
MARGIN_FACTOR = 1.10
MARGIN_BYTES = 8 * 1024 * 1024


def masked(opcode, payload):
    """A small client frame (RFC 6455 §5.2). Opening 20,000 connections by a full client would take minutes."""
    length = bytes([0x80 | len(payload)]) if len(payload) < 126 else bytes([0xFE]) + struct.pack("!H", len(payload))
    mask = os.urandom(4)
    return bytes([0x80 | opcode]) + length + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


async def come_and_go(server, topic, token, limit, abruptly):
    async with limit:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(
            b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: " + base64.b64encode(os.urandom(16)) + b"\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 "), head
        writer.write(masked(1, f"/subscribe {topic} {token}".encode()) + masked(1, b"/?"))
        assert await reader.readexactly(17) == b"\x81\x0fUnknown command"
    return reader, writer, abruptly


async def leave(reader, writer, abruptly):
    if abruptly:
        # Linger 0 makes the close a reset.
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
    else:
        writer.write(masked(8, struct.pack("!H", 1000)))
        assert (await reader.read())[:2] == b"\x88\x02"  # the answering close, then the end
        writer.close()


async def one_round(server, tokens):
    limit = asyncio.Semaphore(100)
    held = await asyncio.gather(*[
        come_and_go(server, f"topic-{number}", token, limit, number % 2 == 0) for number, token in enumerate(tokens)])
    assert len(held) == CONNECTIONS
    await asyncio.gather(*[leave(*connection) for connection in held])


@pytest.mark.slow
def test_a_thousand_connections_that_subscribe_and_vanish_twenty_times_leave_nothing(make_server, keys):
    server = make_server()
    idle_sockets = server.socket_count()
    # A topic and a token for each connection, the same ones in every round.
    tokens = [harness.mint(keys, [f"topic-{number}"], ttl=86_400) for number in range(CONNECTIONS)]
    levels = []
    for _ in range(ROUNDS):
        asyncio.run(asyncio.wait_for(one_round(server, tokens), 120))
        harness.until(lambda: server.socket_count() <= idle_sockets, "the server lets go of its sockets")
        # It still works, and its tables are as they were for whoever comes.
        assert harness.publish(server, harness.mint(keys, ["topic-0"], "broadcast"), "topic-0", "m").status == 200
        levels.append(server.resident_bytes())
    allowed = levels[0] * MARGIN_FACTOR + MARGIN_BYTES
    assert levels[-1] <= allowed, [f"{level / 2**20:.1f} MiB" for level in levels]


def test_memory_that_large_messages_took_is_kept_for_the_next_ones(make_server, keys):
    server = make_server("--history-size", "0")
    token = harness.mint(keys, ["t"], "broadcast")
    message = "x" * 2_000_000
    pages = len(message) // resource.getpagesize()
    publications = 60
    # Until the heaps have what it takes.
    for _ in range(5):
        assert harness.publish(server, token, "t", message).status == 200
    before = server.page_faults()
    for _ in range(publications):
        assert harness.publish(server, token, "t", message).status == 200
    # Each is copied several times on its way. By itself glibc returns every copy to the system, and faults for the next.
    assert server.page_faults() - before < publications * pages / 4


@pytest.mark.slow
def test_topics_that_nobody_holds_any_more_cost_nothing(make_server, keys):
    """One connection that subscribes to ever new topics, and publishes to ever new ones that nobody reads."""
    server = make_server()
    levels = []
    for batch in range(6):
        topics = [f"{batch}-{number}" for number in range(100)]
        for part in range(20):
            token = harness.mint(keys, [f"{topic}-{part}" for topic in topics])
            with harness.Subscriber(server, *[(f"{topic}-{part}", token) for topic in topics]) as subscriber:
                subscriber.socket.send("/unsubscribe-all")
                subscriber.settle()
        publisher = harness.mint(keys, topics, "broadcast")
        for topic in topics:
            assert harness.publish(server, publisher, topic, "x" * 10_000).status == 200
        levels.append(server.resident_bytes())
    assert levels[-1] <= levels[0] * MARGIN_FACTOR + MARGIN_BYTES, [f"{level / 2**20:.1f} MiB" for level in levels]
