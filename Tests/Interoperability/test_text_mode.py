"""The WebSocket text mode as `websockets`, `websocket-client` and `aiohttp` see it."""

import asyncio
import contextlib
import re
import struct
import threading
import time

import aiohttp
import pytest
import websocket
import websockets.exceptions
import websockets.sync.client

import harness

MALFORMED = "Invalid subscribe command, it should be: /subscribe <topic> <token>"
UNKNOWN = "Unknown command"
OVER_LIMIT = 256 * 1024


class ByWebsockets:
    """One connection of `websockets`."""

    def __init__(self, url):
        self.open = contextlib.ExitStack()
        self.socket = self.open.enter_context(websockets.sync.client.connect(url, ping_interval=None, max_size=None))

    def send(self, text):
        self.socket.send(text)

    def receive(self):
        return self.socket.recv(timeout=harness.PATIENCE)

    def close(self):
        self.open.close()


class ByWebSocketClient:
    """One connection of `websocket-client`."""

    def __init__(self, url):
        self.socket = websocket.create_connection(url, timeout=harness.PATIENCE)

    def send(self, text):
        self.socket.send(text)

    def receive(self):
        return self.socket.recv()

    def close(self):
        self.socket.close()


class ByAiohttp:
    """One connection of `aiohttp`, on an event loop of its own."""

    def __init__(self, url):
        self.loop = asyncio.new_event_loop()
        self.session = self.wait(self.make())
        self.socket = self.wait(self.session.ws_connect(url, max_msg_size=0))

    async def make(self):
        return aiohttp.ClientSession()

    def wait(self, what):
        return self.loop.run_until_complete(asyncio.wait_for(what, harness.PATIENCE))

    def send(self, text):
        self.wait(self.socket.send_str(text))

    def receive(self):
        return self.wait(self.socket.receive_str())

    def close(self):
        self.wait(self.socket.close())
        self.wait(self.session.close())
        self.loop.close()


@pytest.fixture(params=[ByWebsockets, ByWebSocketClient, ByAiohttp])
def connection(request, server):
    connection = request.param(server.socket_url)
    yield connection
    connection.close()


@pytest.fixture
def raw(server):
    """A connection of `websocket-client`, which lets us send frames that no one should."""
    connection = websocket.create_connection(server.socket_url, timeout=harness.PATIENCE)
    yield connection
    connection.close()


@pytest.fixture
def token(keys):
    return harness.mint(keys, ["t", "u", "a b"])


@pytest.fixture
def say(server, keys):
    """Publishes to one of the topics used here."""
    publisher = harness.mint(keys, ["t", "u", "a b", "v" * 255], "broadcast")

    def say(topic, message):
        answer = harness.publish(server, publisher, topic, message)
        assert answer.status == 200, answer.body

    return say


def settle(connection):
    """The next thing the server says is the answer to this."""
    connection.send("/?")
    assert connection.receive() == UNKNOWN


def test_a_subscription_is_silent_and_delivers_the_published_text(connection, token, say):
    connection.send(f"/subscribe t {token}")
    settle(connection)
    for text in ("plain", "two\nlines", "Grüße 👋 \u0000", "", "x" * 100_000):
        say("t", text)
        assert connection.receive() == text


@pytest.mark.parametrize("text", [
    "/subscribe x", "/subscribe x y z", "/subscribe x  y", "/subscribe  x y", "/subscribe x\ty", "/subscribe t\u00a0x",
    "  /subscribe x  ",
])
def test_a_malformed_subscribe(connection, text):
    connection.send(text)
    assert connection.receive() == MALFORMED


@pytest.mark.parametrize("text", [
    "/", "//", "/?", "/help", "/Subscribe t x", "/SUBSCRIBE t x", "/subscribe", "/unsubscribe", "/subscribe ", "/unsubscribe  ",
    "/subscribed t x", "/subscribe\tt x", "/subscribe\u00a0t x", "/unsubscribe-all-of-it", " / subscribe t x", "/publish t m",
])
def test_an_unknown_command(connection, text):
    connection.send(text)
    assert connection.receive() == UNKNOWN


@pytest.mark.parametrize("text", ["", " ", "\n\t", "hello", "subscribe t x", "x /subscribe t x", "\u3000", "\u200b/subscribe"])
def test_what_is_no_command_is_ignored_without_a_word(connection, text):
    connection.send(text)
    settle(connection)


@pytest.mark.parametrize("blank", [" ", "\n", "\t\r\n", "\u00a0", "\u2003\u3000", "\u2028", "\u0085"])
def test_commands_are_trimmed_of_unicode_white_space(connection, token, say, blank):
    connection.send(f"{blank}/subscribe t {token}{blank}")
    settle(connection)
    say("t", blank)
    assert connection.receive() == blank


def test_a_refused_subscription_is_told_why(connection, keys):
    for token in ("nonsense", harness.mint(keys, ["other"]), harness.mint(keys, ["t"], "broadcast")):
        connection.send(f"/subscribe t {token}")
        assert re.fullmatch(r"Not allowed to subscribe to t: \S.*", connection.receive())


def test_subscribing_twice_delivers_once(connection, token, say):
    connection.send(f"/subscribe t {token}")
    connection.send(f"/subscribe t {token}")
    settle(connection)
    say("t", "once")
    assert connection.receive() == "once"
    settle(connection)
    # And one unsubscribe is enough.
    connection.send("/unsubscribe t")
    settle(connection)
    say("t", "never")
    settle(connection)


def test_unsubscribing(connection, token, say):
    for topic in ("t", "u"):
        connection.send(f"/subscribe {topic} {token}")
    connection.send("/unsubscribe never subscribed")
    connection.send("/unsubscribe t u")  # all the rest is one topic
    settle(connection)
    say("t", "1")
    assert connection.receive() == "1"
    connection.send("/unsubscribe t")
    settle(connection)
    say("t", "2")
    say("u", "3")
    assert connection.receive() == "3"
    connection.send(f"/subscribe t {token}")
    settle(connection)
    say("t", "4")
    assert connection.receive() == "4"
    connection.send("/unsubscribe-all")
    connection.send("/unsubscribe-all")
    settle(connection)
    say("t", "5")
    say("u", "6")
    settle(connection)


def test_a_live_subscription_outlives_its_token(connection, keys, say):
    token = harness.mint(keys, ["t"], exp=time.time() + 1.5)
    connection.send(f"/subscribe t {token}")
    settle(connection)
    time.sleep(1.6)
    connection.send(f"/subscribe u {harness.mint(keys, ['u'], exp=time.time() - 0.1)}")
    assert "expired" in connection.receive()
    say("t", "still here")
    assert connection.receive() == "still here"


def test_an_unknown_subprotocol_leaves_text_mode(server):
    with harness.Subscriber(server, subprotocols=["mqtt"]) as subscriber:
        assert subscriber.socket.subprotocol is None


def test_binary_messages_are_ignored(raw, token, say):
    raw.send_binary(f"/subscribe t {token}".encode())
    raw.send_binary(b"\xff\x00")
    raw.send("/?")
    assert raw.recv() == UNKNOWN
    say("t", "not for us")
    raw.send("/?")
    assert raw.recv() == UNKNOWN


def frame(data, opcode=websocket.ABNF.OPCODE_TEXT, fin=1, mask=1, **bits):
    return websocket.ABNF(fin=fin, opcode=opcode, mask_value=mask, data=data, **bits)


def test_fragments_are_one_message_and_pings_between_them_are_answered(raw, token, say):
    text = f"/subscribe t {token}".encode()
    raw.send_frame(frame(text[:1], fin=0))
    for start in range(1, len(text)):
        raw.send_frame(frame(text[start:start + 1], websocket.ABNF.OPCODE_CONT, fin=0))
        if start % 50 == 0:
            raw.send_frame(frame(b"ping", websocket.ABNF.OPCODE_PING))
            answer = raw.recv_frame()
            assert (answer.opcode, answer.data) == (websocket.ABNF.OPCODE_PONG, b"ping")
    raw.send_frame(frame(b"", websocket.ABNF.OPCODE_CONT))
    raw.send("/?")
    assert raw.recv() == UNKNOWN
    say("t", "whole")
    assert raw.recv() == "whole"


def test_a_character_may_be_split_between_fragments(raw):
    text = "/é😀".encode()
    raw.send_frame(frame(text[:2], fin=0))
    raw.send_frame(frame(text[2:4], websocket.ABNF.OPCODE_CONT, fin=0))
    raw.send_frame(frame(text[4:], websocket.ABNF.OPCODE_CONT))
    assert raw.recv() == UNKNOWN


@pytest.mark.parametrize("data", [b"", b"x", b"x" * 125])
def test_a_ping_is_answered_with_its_own_data(raw, data):
    raw.send_frame(frame(data, websocket.ABNF.OPCODE_PING))
    answer = raw.recv_frame()
    assert (answer.opcode, answer.data) == (websocket.ABNF.OPCODE_PONG, data)


def test_an_unasked_pong_is_ignored(raw):
    raw.send_frame(frame(b"x", websocket.ABNF.OPCODE_PONG))
    raw.send("/?")
    assert raw.recv() == UNKNOWN


def test_a_command_may_have_64_kib(raw, keys):
    raw.send("/" + "x" * (64 * 1024 - 1))
    assert raw.recv() == UNKNOWN
    # A long token within a long command.
    token = harness.mint(keys, ["t"] + ["y" * 100] * 40)
    raw.send(f"/subscribe t {token}")
    raw.send("/?")
    assert raw.recv() == UNKNOWN


def expect_close(raw, code):
    """The server closes with this code, says nothing else, and ends the connection."""
    answer = raw.recv_frame()
    assert answer.opcode == websocket.ABNF.OPCODE_CLOSE, answer
    assert struct.unpack("!H", answer.data[:2])[0] == code, answer.data
    answer.data[2:].decode()  # a reason is UTF-8
    raw.send_frame(frame(answer.data[:2], websocket.ABNF.OPCODE_CLOSE))
    assert raw.sock.recv(1) == b""


def send_until_closed(raw, frames):
    """The server may stop reading, and close, before it has all."""
    try:
        for each in frames:
            raw.send_frame(each)
    except OSError:
        pass


TEXT, CONT, PING, CLOSE = (
    websocket.ABNF.OPCODE_TEXT, websocket.ABNF.OPCODE_CONT, websocket.ABNF.OPCODE_PING, websocket.ABNF.OPCODE_CLOSE)

BROKEN = {
    # name: (close code, frames)
    "an unmasked frame": (1002, [frame(b"/?", mask=0)]),
    "a reserved bit": (1002, [frame(b"/?", rsv1=1)]),
    "another reserved bit": (1002, [frame(b"/?", rsv3=1)]),
    "a continuation of nothing": (1002, [frame(b"/?", CONT)]),
    "a message inside another": (1002, [frame(b"/", fin=0), frame(b"/?")]),
    "a fragmented ping": (1002, [frame(b"x", PING, fin=0)]),
    "a ping that is too long": (1002, [frame(b"x" * 126, PING)]),
    "a close with one byte": (1002, [frame(b"\x03", CLOSE)]),
    "a close code nobody may send": (1002, [frame(struct.pack("!H", 1005), CLOSE)]),
    "a close reason that is not UTF-8": (1007, [frame(struct.pack("!H", 1000) + b"\xff", CLOSE)]),
    "bad UTF-8": (1007, [frame(b"/\xff")]),
    "a surrogate": (1007, [frame(b"/\xed\xa0\x80")]),
    "an overlong form": (1007, [frame(b"/\xc0\xaf")]),
    "a character cut off": (1007, [frame(b"/\xe2\x82")]),
    "a character cut off by the end of the fragments": (1007, [frame(b"/\xe2", fin=0), frame(b"\x82", CONT)]),
    "too long": (1009, [frame(b"/" + b"x" * OVER_LIMIT)]),
    "too long in fragments": (
        1009, [frame(b"/", fin=0)] + [frame(b"x" * 16_384, CONT, fin=0)] * (OVER_LIMIT // 16_384)),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_breaks_the_protocol_closes_the_connection_with_its_code(raw, name):
    code, frames = BROKEN[name]
    send_until_closed(raw, frames)
    expect_close(raw, code)


@pytest.mark.parametrize("opcode", [0x3, 0x7, 0xB, 0xF])
def test_a_reserved_opcode_closes_with_1002(raw, opcode):
    raw.sock.sendall(bytes([0x80 | opcode, 0x80, 0, 0, 0, 0]))
    expect_close(raw, 1002)


@pytest.mark.parametrize("length", [b"\x80\x00\x00\x00\x00\x00\x00\x00", b"\x7f\xff\xff\xff\xff\xff\xff\xff"])
def test_a_length_beyond_all_bounds_closes_at_once(raw, length):
    raw.sock.sendall(b"\x81\xff" + length + b"\0\0\0\0")
    answer = raw.recv_frame()
    assert answer.opcode == CLOSE
    assert struct.unpack("!H", answer.data[:2])[0] in (1002, 1009)


def test_a_close_is_answered_with_its_code(raw):
    raw.send_frame(frame(struct.pack("!H", 4321) + b"bye", CLOSE))
    answer = raw.recv_frame()
    assert answer.opcode == CLOSE
    assert struct.unpack("!H", answer.data[:2])[0] == 4321
    assert raw.sock.recv(1) == b""


def test_more_topics_than_allowed_are_refused(make_server, keys):
    server = make_server("--max-subscriptions", "2")
    token = harness.mint(keys, ["1", "2", "3"])
    with harness.Subscriber(server, ("1", token), ("2", token), ("2", token)) as subscriber:
        subscriber.socket.send(f"/subscribe 3 {token}")
        assert subscriber.receive().startswith("Not allowed to subscribe to 3: ")
        subscriber.socket.send("/unsubscribe 1")
        subscriber.socket.send(f"/subscribe 3 {token}")
        subscriber.settle()


def test_a_drain_delivers_what_was_published_and_tells_each_client_when_to_return(make_server, keys):
    server = make_server("--drain-timeout", "4s")
    clients = [harness.Subscriber(server, ("t", harness.mint(keys, ["t"]))) for _ in range(20)]
    publisher = harness.mint(keys, ["t"], "broadcast")
    for number in range(50):
        assert harness.publish(server, publisher, "t", f"{number}").status == 200
    server.terminate()
    waits = []
    for client in clients:
        client.expect(*[f"{number}" for number in range(50)])
        with pytest.raises(websockets.exceptions.ConnectionClosed) as closed:
            client.receive()
        assert closed.value.rcvd.code == 1001
        match = re.fullmatch(r"reconnect in (\d+) ms", closed.value.rcvd.reason)
        assert match, closed.value.rcvd.reason
        waits.append(int(match[1]))
    assert all(100 <= wait <= 4000 for wait in waits)
    # Spread over the drain time: not all at once.
    assert len(set(waits)) > 10 and max(waits) - min(waits) > 1000
    server.wait()


def test_a_second_signal_stops_at_once(keys, tmp_path):
    server = harness.Server(tmp_path / "home", "--public-key", keys.public, "--drain-timeout", "1h")
    try:
        # A client that does not answer the close holds the drain up.
        stuck = websocket.create_connection(server.socket_url, timeout=harness.PATIENCE)
        server.terminate()
        assert stuck.recv_frame().opcode == CLOSE
        assert server.process.poll() is None
        server.terminate()
        # It did not finish its work, so 0 is not asked for; but it ended by itself.
        assert server.process.wait(timeout=4) >= 0
        stuck.sock.close()
    finally:
        server.process.kill()
        server.process.wait()


@pytest.mark.slow
def test_the_server_pings_and_gives_up_on_who_stays_silent(server, keys):
    """Two connections for 35 s: one answers the pings and lives, one does not and is closed."""
    silent = websocket.create_connection(server.socket_url, timeout=50)
    lively = websocket.create_connection(server.socket_url, timeout=50)
    outcome = {}

    def hold(name, connection, answers):
        started = time.monotonic()
        pings = []
        try:
            while time.monotonic() - started < 38:
                received = connection.recv_frame()
                if received.opcode == PING:
                    pings.append(time.monotonic() - started)
                    if answers:
                        connection.pong(received.data)
                elif received.opcode == CLOSE:
                    break
                if answers and len(pings) == 2:
                    time.sleep(5)
                    connection.send("/?")
                    assert connection.recv() == UNKNOWN
                    break
        except (websocket.WebSocketException, OSError):
            pass
        outcome[name] = (pings, time.monotonic() - started)

    threads = [threading.Thread(target=hold, args=args)
               for args in (("silent", silent, False), ("lively", lively, True))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pings, ended = outcome["silent"]
    assert pings and 10 < pings[0] < 20
    assert 25 < ended < 50
    pings, ended = outcome["lively"]
    assert len(pings) == 2 and ended > 30
    lively.close()
