"""The WebSocket envelope mode `notiflux.v1`: every kind of frame, both ways, by `websockets` and `aiohttp`."""

import asyncio
import json
import re

import aiohttp
import pytest
import websocket
import websockets.exceptions
import websockets.sync.client

import harness


@pytest.fixture
def token(keys):
    return harness.mint(keys, ["t", "u", "a b", "Grüße 👋"])


@pytest.fixture
def say(server, keys):
    with harness.Publisher(server, harness.mint(keys, ["t", "u", "a b", "Grüße 👋"], "broadcast")) as publisher:
        yield publisher


@pytest.fixture
def client(server):
    with harness.Envelopes(server) as client:
        yield client


def refused(answer, code, **members):
    """The answer is this error, with these members and no other."""
    assert answer == {"type": "error", "code": code, "message": answer.get("message"), **members}, answer
    return answer["message"]


def test_the_welcome_comes_first_and_tells_the_head_of_the_log(server, say):
    last = say("t", "m")
    with harness.Envelopes(server) as client:
        assert client.welcome == {"type": "welcome", "cursor": last, "pingInterval": 15}
        client.settle()


@pytest.mark.parametrize("offer", [["notiflux.v1"], ["other", "notiflux.v1"], ["notiflux.v1", "other"]])
def test_the_subprotocol_is_chosen_among_those_offered(server, offer):
    with websockets.sync.client.connect(server.socket_url, subprotocols=offer) as client:
        assert client.subprotocol == "notiflux.v1"
        assert json.loads(client.recv(timeout=harness.PATIENCE))["type"] == "welcome"


@pytest.mark.parametrize("offer", [["other"], ["notiflux.v2"], ["Notiflux.V1"], ["notiflux"]])
def test_a_subprotocol_we_do_not_speak_is_not_accepted_and_means_text_mode(server, offer):
    with websockets.sync.client.connect(server.socket_url, subprotocols=offer) as client:
        assert client.subprotocol is None
        client.send("/?")
        assert client.recv(timeout=harness.PATIENCE) == "Unknown command"


def test_a_subscription_is_confirmed_then_messages_come_with_topic_and_cursor(client, token, say):
    head = say("t", "before")
    assert client.ask(type="subscribe", topic="t", token=token, id=1) == {
        "type": "subscribed", "topic": "t", "cursor": head, "id": 1}
    cursor = say("t", "hello")
    assert client.receive() == {"type": "message", "topic": "t", "cursor": cursor, "data": "hello"}
    client.settle()


@pytest.mark.parametrize("topic", ["t", "a b", "Grüße 👋"])
@pytest.mark.parametrize("message", ["", "hello", 'Grüße 👋 "quoted" \\ / \n\r\t\u0000\u001f\u007f\u2028', "/subscribe x y", "x" * 300_000])
def test_any_text_of_any_topic_arrives_as_it_was_published(client, token, say, topic, message):
    client.subscribe(topic, token)
    say(topic, message)
    client.expect_messages(topic, message)


def test_topics_that_only_look_alike_are_two(server, client, keys):
    composed, decomposed = "\u00e9", "e\u0301"
    client.subscribe(composed, harness.mint(keys, [composed]))
    for topic in (decomposed, composed):
        assert harness.publish(server, harness.mint(keys, [topic], "broadcast"), topic, topic).status == 200
    client.expect_messages(composed, composed)


@pytest.mark.parametrize("literal", [
    "1", "0", "-7", "1.5", "1e3", "123456789012345678901234567890", '"a"', '""', '"Grüße \\" 👋"', '"1"'])
def test_an_id_comes_back_as_it_was_sent(client, token, literal):
    def literally(text):
        return json.loads(text, parse_int=lambda digits: ("number", digits), parse_float=lambda digits: ("number", digits))

    wanted = literally(literal)
    for request, answer in [
        ('"type":"ping"', "pong"), (f'"type":"subscribe","topic":"t","token":"{token}"', "subscribed"),
        ('"type":"unsubscribe","topic":"t"', "unsubscribed"), ('"type":"unsubscribe-all"', "unsubscribed"),
        ('"type":"nonsense"', "error"), ('"type":"subscribe","topic":"t"', "error"),
    ]:
        client.socket.send(f'{{{request},"id":{literal}}}')
        got = literally(client.socket.recv(timeout=harness.PATIENCE))
        assert (got["type"], got["id"]) == (answer, wanted)


@pytest.mark.parametrize("literal", ["null", "true", "[1]", '{"a":1}'])
def test_an_id_that_is_neither_number_nor_string_is_refused(client, literal):
    client.socket.send(f'{{"type":"ping","id":{literal}}}')
    refused(client.receive(), "bad_request")
    client.settle()


def test_without_an_id_none_comes_back(client, token):
    assert client.ask(type="ping") == {"type": "pong"}
    assert "id" not in client.subscribe("t", token)
    assert client.ask(type="unsubscribe", topic="t") == {"type": "unsubscribed", "topic": "t"}
    assert client.ask(type="unsubscribe-all") == {"type": "unsubscribed"}


def test_unsubscribing_ends_the_messages(client, token, say):
    client.subscribe("t", token)
    client.subscribe("u", token)
    assert client.ask(type="unsubscribe", topic="t", id=2) == {"type": "unsubscribed", "topic": "t", "id": 2}
    say("t", "not for us")
    say("u", "for us")
    client.expect_messages("u", "for us")
    assert client.ask(type="unsubscribe-all", id=3) == {"type": "unsubscribed", "id": 3}
    say("u", "not for us")
    client.settle()


def test_unsubscribing_from_what_is_not_held_is_no_error(client):
    assert client.ask(type="unsubscribe", topic="never held") == {"type": "unsubscribed", "topic": "never held"}


def test_subscribing_twice_delivers_once(client, token, say):
    client.subscribe("t", token)
    client.subscribe("t", token)
    client.subscribe(["u", "t"], token)
    say("t", "once")
    client.expect_messages("t", "once")
    client.settle()


def test_several_topics_are_subscribed_by_one_request(client, token, say):
    answer = client.ask(type="subscribe", topics=["t", "u", "t"], token=token, id="several")
    assert answer == {"type": "subscribed", "topics": ["t", "u"], "cursor": answer["cursor"], "id": "several"}
    say("u", "one")
    say("t", "two")
    client.expect({"type": "message", "topic": "u", "data": "one"}, {"type": "message", "topic": "t", "data": "two"})


def test_of_several_topics_all_or_none_are_subscribed(client, token, say):
    answer = client.ask(type="subscribe", topics=["t", "other"], token=token, id=1)
    assert (answer["type"], answer["code"], answer["id"]) == ("error", "topic_not_allowed", 1)
    say("t", "nobody holds it")
    client.settle()


def test_unknown_members_are_ignored(client, token):
    assert client.ask(type="ping", colour="red", list=[1, {"a": None}], id=1) == {"type": "pong", "id": 1}
    assert client.ask(type="subscribe", topic="t", token=token, qos=1)["type"] == "subscribed"


@pytest.mark.parametrize("text", [
    "", " ", "hello", "/subscribe t token", "{", '{"type":"ping"', '{"type":"ping"}}', '{"type":"ping","type":"ping"}',
    "[]", '"ping"', "null", "1", "{}", '{"type":null}', '{"type":1}', '{"type":["ping"]}', '{"type":"Ping"}',
    '{"type":"message"}', '{"type":"welcome"}', '{"type":"subscribe"}', '{"type":"unsubscribe"}',
    '{"type":"subscribe","topic":1}', '{"type":"subscribe","topic":"t","topics":["t"]}',
    '{"type":"subscribe","topics":[]}', '{"type":"subscribe","topics":"t"}', '{"type":"subscribe","topics":[1]}',
    '{"type":"subscribe","topic":"t","token":1}', '{"type":"unsubscribe","topic":["t"]}',
    '{"type":"ping","id":"\\ud800"}', "\ufeff{\"type\":\"ping\"}", "[" * 60_000,
])
def test_what_cannot_be_understood_is_a_bad_request_and_the_connection_stays(client, text):
    client.socket.send(text)
    answer = client.receive()
    assert (answer["type"], answer["code"]) == ("error", "bad_request"), answer
    client.settle()


def test_a_binary_message_is_a_bad_request_and_the_connection_stays(client):
    client.socket.send(b'{"type":"ping"}')
    refused(client.receive(), "bad_request")
    client.settle()


def test_a_subscription_without_a_token_is_refused(client):
    refused(client.ask(type="subscribe", topic="t", id=1), "token_missing", topic="t", id=1)
    client.settle()


@pytest.mark.parametrize("topic", ["", "x" * 256, "é" * 128, "a\nb", "a\u0000", "\u0085"])
def test_an_invalid_topic_is_refused(client, token, topic):
    for request in ({"type": "subscribe", "topic": topic, "token": token}, {"type": "unsubscribe", "topic": topic}):
        answer = client.ask(**request, id=1)
        assert (answer["type"], answer["code"], answer["id"]) == ("error", "topic_invalid", 1)
    client.settle()


def test_a_refused_token_is_answered_with_its_code(client, keys, other_keys):
    for code, token in {
        "token_malformed": "nonsense",
        "token_signature": harness.mint(other_keys, ["t"]),
        "token_expired": harness.mint(keys, ["t"], ttl=-12),
        "token_not_yet_valid": harness.mint(keys, ["t"], nbf=4_000_000_000),
        "token_claims": harness.mint(keys, None),
        "token_scope": harness.mint(keys, ["t"], "broadcast"),
        "topic_not_allowed": harness.mint(keys, ["u"]),
    }.items():
        message = refused(client.ask(type="subscribe", topic="t", token=token, id=code), code, topic="t", id=code)
        assert token not in message
    client.settle()


def test_a_connection_holds_as_many_topics_as_it_may(make_server, keys):
    server = make_server("--max-subscriptions", 2)
    token = harness.mint(keys, ["a", "b", "c"])
    with harness.Envelopes(server) as client:
        answer = client.ask(type="subscribe", topics=["a", "b", "c"], token=token, id=1)
        assert (answer["code"], answer["id"]) == ("too_many_subscriptions", 1)
        client.subscribe(["a", "b"], token)
        client.subscribe("b", token)
        answer = client.ask(type="subscribe", topic="c", token=token, id=2)
        assert (answer["code"], answer["id"]) == ("too_many_subscriptions", 2)
        client.ask(type="unsubscribe", topic="a")
        client.subscribe("c", token)


def test_limits_and_framing_close_as_in_text_mode(server):
    def close_code(send):
        connection = websocket.create_connection(
            server.socket_url, timeout=harness.PATIENCE, subprotocols=["notiflux.v1"])
        try:
            connection.recv()  # the welcome
            send(connection)
            opcode, payload = connection.recv_data(control_frame=True)
            assert opcode == websocket.ABNF.OPCODE_CLOSE
            return int.from_bytes(payload[:2], "big")
        finally:
            connection.close()

    def frame(payload, opcode):
        return lambda connection: connection.send_frame(websocket.ABNF.create_frame(payload, opcode))

    def raw(first):
        return lambda connection: connection.sock.sendall(bytes([first, 0x80, 0, 0, 0, 0]))

    assert close_code(frame(b" " * 65_537, websocket.ABNF.OPCODE_TEXT)) == 1009
    assert close_code(lambda connection: connection.send_frame(
        websocket.ABNF(1, 0, 0, 0, websocket.ABNF.OPCODE_TEXT, 1, b"\xff\xfe"))) == 1007
    assert close_code(raw(0x83)) == 1002  # an opcode that RFC 6455 reserves


def test_a_message_in_fragments_is_understood(client):
    client.socket.send(['{"type":', '"pi', "", 'ng","id":"whole"}'])
    assert client.receive() == {"type": "pong", "id": "whole"}


def test_requests_are_answered_in_order(client, token):
    for number in range(500):
        client.send(type=["ping", "nonsense", "unsubscribe"][number % 3], topic="t", id=number)
    for number in range(500):
        answer = client.receive()
        assert (answer["id"], answer["type"]) == (number, ["pong", "error", "unsubscribed"][number % 3])


def test_both_modes_get_the_same_messages(server, client, token, say):
    with harness.Subscriber(server, ("t", token)) as plain:
        client.subscribe("t", token)
        for message in ("one", "", '{"type":"message"}'):
            say("t", message)
            plain.expect(message)
            client.expect_messages("t", message)


def test_a_drain_says_when_to_come_back(make_server):
    server = make_server()
    with harness.Envelopes(server) as client:
        server.terminate()
        with pytest.raises(websockets.exceptions.ConnectionClosed) as closed:
            client.receive()
        assert closed.value.rcvd.code == 1001
        assert re.fullmatch(r"reconnect in \d+ ms", closed.value.rcvd.reason)


def test_aiohttp_speaks_it_too(server, token, say):
    async def run():
        async with aiohttp.ClientSession() as session:
            async with session.ws_connect(server.socket_url, protocols=["notiflux.v1"]) as socket:
                assert socket.protocol == "notiflux.v1"
                assert (await socket.receive_json(timeout=harness.PATIENCE))["type"] == "welcome"
                await socket.send_json({"type": "subscribe", "topic": "t", "token": token, "id": 1})
                assert (await socket.receive_json(timeout=harness.PATIENCE))["type"] == "subscribed"
                cursor = await asyncio.to_thread(say, "t", "hello")
                assert await socket.receive_json(timeout=harness.PATIENCE) == {
                    "type": "message", "topic": "t", "cursor": cursor, "data": "hello"}

    asyncio.run(run())
