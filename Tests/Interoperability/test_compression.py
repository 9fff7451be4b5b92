"""`permessage-deflate` (RFC 7692) with `websockets` and by the bytes."""

import base64
import contextlib
import json
import os
import random
import socket
import string
import struct
import zlib

import pytest
import websockets.exceptions
import websockets.sync.client
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

import harness

TEXT = json.dumps([{"id": number, "name": f"Straße {number}", "state": "open"} for number in range(400)])


@pytest.fixture(scope="module")
def server(keys, tmp_path_factory):
    with harness.Server(tmp_path_factory.mktemp("home"), "--public-key", keys.public, "--compression") as server:
        yield server


def connect(server, offer=None, **options):
    extensions = [offer] if offer else None
    return websockets.sync.client.connect(
        server.socket_url, compression=None if offer else "deflate", extensions=extensions, max_size=None, **options
    )


class Wire:
    """A client that sees the frames."""

    def __init__(self, server, extensions="permessage-deflate"):
        host, port = server.url.removeprefix("http://").split(":")
        self.socket = socket.create_connection((host, int(port)), timeout=harness.PATIENCE)
        self.file = self.socket.makefile("rb")
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET /ws HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Extensions: {extensions}\r\n\r\n".encode()
        )
        self.head = b"".join(iter(self.file.readline, b"\r\n")).decode().lower()

    def send(self, payload, first=0x81):
        length = struct.pack("!BH", 126 | 0x80, len(payload)) if len(payload) > 125 else bytes([len(payload) | 0x80])
        self.socket.sendall(bytes([first]) + length + bytes(4) + payload)

    def frame(self):
        first, length = self.file.read(2)
        if length == 126:
            (length,) = struct.unpack("!H", self.file.read(2))
        return first, self.file.read(length)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()


def deflate(data):
    packer = zlib.compressobj(wbits=-15)
    return (packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]


def inflate(data, bits=15):
    """A few bytes at a time: zlib refuses a distance beyond the window only where it leads behind the call's output."""
    unpacker, text = zlib.decompressobj(wbits=-bits), b""
    data += b"\x00\x00\xff\xff"
    while piece := unpacker.decompress(data, 16):
        text += piece
        data = unpacker.unconsumed_tail
    return text


def subscribe(client, keys, topic):
    client.send(f"/subscribe {topic} {harness.mint(keys, [topic])}")
    client.send("/?")
    assert client.recv(timeout=harness.PATIENCE) == "Unknown command"


@pytest.mark.parametrize(
    "offer",
    [
        None,
        ClientPerMessageDeflateFactory(server_max_window_bits=9),
        ClientPerMessageDeflateFactory(server_max_window_bits=12, client_max_window_bits=9),
        ClientPerMessageDeflateFactory(server_no_context_takeover=True, client_no_context_takeover=True),
    ],
    ids=["default", "small", "medium", "no takeover"],
)
def test_websockets(server, keys, offer):
    with connect(server, offer) as client:
        agreed = client.response.headers["Sec-WebSocket-Extensions"]
        assert agreed.startswith("permessage-deflate; server_no_context_takeover; client_no_context_takeover")
        subscribe(client, keys, "t")
        with harness.Publisher(server, harness.mint(keys, ["t"], "broadcast")) as publisher:
            for message in [TEXT, "short", "", TEXT[::-1], TEXT * 20]:
                publisher("t", message)
                assert client.recv(timeout=harness.PATIENCE) == message


def test_envelopes_and_replay(server, keys):
    token = harness.mint(keys, ["e"])
    with connect(server, subprotocols=["notiflux.v1"]) as client:
        cursor = json.loads(client.recv(timeout=harness.PATIENCE))["cursor"]
        client.send(json.dumps({"type": "subscribe", "topic": "e", "token": token}))
        assert json.loads(client.recv(timeout=harness.PATIENCE))["type"] == "subscribed"
        harness.publish(server, harness.mint(keys, ["e"], "broadcast"), "e", TEXT)
        live = json.loads(client.recv(timeout=harness.PATIENCE))
        assert (live["type"], live["data"]) == ("message", TEXT)
    with connect(server, subprotocols=["notiflux.v1"]) as client:
        client.recv(timeout=harness.PATIENCE)
        client.send(json.dumps({"type": "subscribe", "topic": "e", "token": token, "since": cursor}))
        assert json.loads(client.recv(timeout=harness.PATIENCE))["type"] == "subscribed"
        assert json.loads(client.recv(timeout=harness.PATIENCE)) == live


@pytest.mark.parametrize(
    "message",
    [TEXT * 40, '"\n\x01é' * 60_000, random.Random(2).randbytes(300_000).hex()],
    ids=["deflates well", "is escaped", "deflates by half"],
)
def test_a_large_message_is_the_same_in_all_forms(server, keys, message):
    """Its bytes are made in all forms before it is published."""
    token = harness.mint(keys, ["l"])
    options = [
        {"compression": None},
        {"compression": "deflate"},
        {"compression": None, "extensions": [ClientPerMessageDeflateFactory(server_max_window_bits=9)]},
    ]
    with contextlib.ExitStack() as stack:
        streams = [harness.follow(form, server, "l", token)[0] for form in (harness.SSE, harness.NDJSON)]
        readers = [stack.enter_context(stream) for stream in streams]
        bare = []
        for option in options:
            reader = stack.enter_context(harness.Envelopes(server, **option))
            reader.subscribe("l", token)
            readers.append(reader)
            client = websockets.sync.client.connect(server.socket_url, max_size=None, **option)
            bare.append(stack.enter_context(client))
            subscribe(client, keys, "l")
        harness.publish(server, harness.mint(keys, ["l"], "broadcast"), "l", message)
        for reader in readers:
            reader.expect_messages("l", message)
        for client in bare:
            assert client.recv(timeout=harness.PATIENCE) == message


def test_one_frame_for_all(server, keys):
    """Those that agreed get the same deflated bytes, the others the plain ones."""
    command = f"/subscribe w {harness.mint(keys, ['w'])}".encode()
    with Wire(server) as one, Wire(server) as two, Wire(server, "x-other") as other:
        assert "sec-websocket-extensions: permessage-deflate" in one.head
        assert "sec-websocket-extensions" not in other.head
        for client in (one, two):
            client.send(deflate(command), first=0xC1)
            client.send(deflate(b"/?"), first=0xC1)
        other.send(command)
        other.send(b"/?")
        for client in (one, two, other):
            assert client.frame() == (0x81, b"Unknown command")
        harness.publish(server, harness.mint(keys, ["w"], "broadcast"), "w", TEXT)
        first, payload = one.frame()
        assert first == 0xC1
        assert len(payload) < len(TEXT.encode()) / 4
        assert inflate(payload).decode() == TEXT
        assert two.frame() == (first, payload)
        assert other.frame() == (0x81, TEXT.encode())


def test_a_small_window_is_kept(server, keys):
    with Wire(server, "permessage-deflate; server_max_window_bits=9") as client:
        assert "server_max_window_bits=9" in client.head
        client.send(f"/subscribe s {harness.mint(keys, ['s'])}".encode())
        client.send(b"/?")
        client.frame()
        # What repeats is 600 bytes apart: with a full window it would be found.
        message = "".join(random.Random(1).choices(string.ascii_letters, k=600)) * 8
        harness.publish(server, harness.mint(keys, ["s"], "broadcast"), "s", message)
        first, payload = client.frame()
        assert first == 0xC1
        assert inflate(payload, 9).decode() == message


def test_a_bomb_costs_its_sender_the_connection_and_the_server_nothing(server):
    bomb = deflate(bytes(60_000_000))
    assert len(bomb) < 64 * 1024
    before = server.resident_bytes()
    clients = [Wire(server) for _ in range(40)]
    for client in clients:
        client.send(bomb[:60_000], first=0xC2)
    for client in clients:
        first, payload = client.frame()
        assert (first, struct.unpack("!H", payload[:2])[0]) == (0x88, 1009)
        client.__exit__()
    assert server.resident_bytes() - before < 16_000_000


def test_damaged_data_is_refused(server):
    with Wire(server) as client:
        client.send(b"\xff\xff\xff", first=0xC1)
        first, payload = client.frame()
        assert (first, struct.unpack("!H", payload[:2])[0]) == (0x88, 1007)


def test_off_unless_asked_for(keys, tmp_path):
    with harness.Server(tmp_path, "--public-key", keys.public) as server:
        with connect(server) as client:
            assert "Sec-WebSocket-Extensions" not in client.response.headers
        with Wire(server) as client:
            client.send(deflate(b"/?"), first=0xC1)
            first, payload = client.frame()
            assert (first, struct.unpack("!H", payload[:2])[0]) == (0x88, 1002)


def test_the_variable(keys, tmp_path):
    with harness.Server(tmp_path, "--public-key", keys.public, NOTIFLUX_COMPRESSION="true") as server:
        with connect(server) as client:
            assert "permessage-deflate" in client.response.headers["Sec-WebSocket-Extensions"]
