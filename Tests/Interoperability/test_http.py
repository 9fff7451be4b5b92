"""Plain HTTP by curl, aiohttp and, for what no client would send, a bare socket."""

import asyncio
import json
import socket

import aiohttp
import pytest

import harness

JSON = ("--header", "Content-Type: application/json")


@pytest.fixture
def token(keys):
    return harness.mint(keys, ["a", "b"], "broadcast")


def body(token=None, **members):
    return json.dumps({"topic": "a", "message": "m", **({"token": token} if token else {}), **members})


def test_health(server, curl):
    assert curl(f"{server.url}/health").status == 200


def test_head_is_get_without_a_body(server, curl):
    answer = curl("--head", f"{server.url}/health")
    assert (answer.status, answer.body) == (200, b"")


def test_an_unknown_path_is_404(server, curl):
    for path in ("/", "/healthy", "/broadcast/", "/Broadcast"):
        answer = curl(server.url + path)
        assert (answer.status, answer.code) == (404, "not_found")


@pytest.mark.parametrize("method, path, allowed", [
    ("GET", "/broadcast", "POST"), ("PUT", "/broadcast", "POST"), ("DELETE", "/broadcast", "POST"),
    ("POST", "/health", "GET"), ("POST", "/ws", "GET"),
])
def test_another_method_is_405_and_told_which_are_allowed(server, curl, method, path, allowed):
    answer = curl("--request", method, server.url + path)
    assert (answer.status, answer.code) == (405, "method_not_allowed")
    assert allowed in [word.strip() for word in answer.headers["allow"].split(",")]


def test_a_websocket_route_without_an_upgrade_is_refused(server, curl):
    assert 400 <= curl(f"{server.url}/ws").status < 500


def test_a_body_that_is_not_json_by_its_type_is_415(server, curl, token):
    answer = curl("--header", "Content-Type: text/plain", "--data", body(token), f"{server.url}/broadcast")
    assert (answer.status, answer.code) == (415, "unsupported_media_type")
    # curl --data alone calls it a form.
    assert curl("--data", body(token), f"{server.url}/broadcast").status == 415


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
def test_the_type_may_have_parameters_and_any_case(server, curl, token, content_type):
    answer = curl("--header", f"Content-Type: {content_type}", "--data", body(token), f"{server.url}/broadcast")
    assert answer.status == 200


@pytest.mark.parametrize("text", [
    "", "{", "null", "[]", '"text"', "{}", '{"topic":"a"}', '{"message":"m"}', '{"topic":1,"message":"m"}',
    '{"topic":"a","message":null}', '{"topic":"a","message":{}}', '{"topic":"a","message":"m",}',
    '{"topic":"a","message":"m"} x', "{'topic':'a','message':'m'}", '{"topic":"a","message":"\\ud800"}',
    '{"topic":"a","message":"line\nbreak"}', '{"topic":"a","message":"m","token":1}', "[" * 100_000,
    '{"topic":"a","topics":["a"],"message":"m"}', '{"topics":[],"message":"m"}', '{"topics":"a","message":"m"}',
    '{"topics":[1],"message":"m"}', '{"topic":"a","message":"m","id":1}', '{"topic":"a","message":"m","id":""}',
])
def test_a_bad_body_is_400_and_says_why(server, curl, token, text):
    answer = curl(*JSON, "--header", f"Authorization: Bearer {token}", "--data-binary", "@-", f"{server.url}/broadcast",
                  stdin=text.encode())
    assert (answer.status, answer.code) == (400, "bad_request")


@pytest.mark.parametrize("text", [
    '{"topic":"a","message":"m","message":"m"}', '{"topic":"a","topic":"b","message":"m"}',
    '{"topic":"a","t\\u006fpic":"b","message":"m"}',
])
def test_a_member_given_twice_is_400(server, curl, token, text):
    answer = curl(*JSON, "--header", f"Authorization: Bearer {token}", "--data", text, f"{server.url}/broadcast")
    assert (answer.status, answer.code) == (400, "bad_request")


def test_a_body_that_is_not_utf8_is_400(server, curl, token):
    answer = curl(*JSON, "--header", f"Authorization: Bearer {token}", "--data-binary", "@-", f"{server.url}/broadcast",
                  stdin=b'{"topic":"a","message":"\xc3\x28"}')
    assert (answer.status, answer.code) == (400, "bad_request")


@pytest.mark.parametrize("topic", ["", "x" * 256, "é" * 128, "a\u0000b", "a\nb", "\u007f", "\u0085"])
def test_what_is_no_topic_is_400(server, curl, keys, topic):
    text = body(harness.mint(keys, [topic], "broadcast"), topic=topic)
    answer = curl(*JSON, "--data", text, f"{server.url}/broadcast")
    assert (answer.status, answer.code) == (400, "topic_invalid")


@pytest.mark.parametrize("topic", ["x" * 255, "é" * 127, "with blanks", "/", "*", "a.b/c:d", "日本", "\u2028"])
def test_any_other_text_is_a_topic(server, curl, keys, topic):
    text = body(harness.mint(keys, [topic], "broadcast"), topic=topic)
    assert curl(*JSON, "--data", text, f"{server.url}/broadcast").status == 200


def test_canonically_equal_topics_are_different(server, keys):
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    answer = harness.publish(server, harness.mint(keys, [composed], "broadcast"), decomposed, "m")
    assert (answer.status, answer.code) == (403, "topic_not_allowed")


def test_a_large_body_is_413_and_just_not_too_large_a_one_passes(make_server, curl, keys):
    server = make_server("--max-message-size", "64KiB")
    token = harness.mint(keys, ["a"], "broadcast")
    headers = (*JSON, "--header", f"Authorization: Bearer {token}", "--data-binary", "@-", f"{server.url}/broadcast")
    assert curl(*headers, stdin=body(message="x" * 64_000).encode()).status == 200
    for framing in ((), ("--header", "Transfer-Encoding: chunked")):
        answer = curl(*framing, *headers, stdin=body(message="x" * 70_000).encode())
        assert (answer.status, answer.code) == (413, "too_large")


def test_two_mebibytes_pass_by_default(server, curl, token):
    answer = curl(*JSON, "--data-binary", "@-", f"{server.url}/broadcast",
                  stdin=body(token, message="x" * (2 * 1024 * 1024 - 1000)).encode())
    assert answer.status == 200


def test_the_token_may_come_as_a_bearer(server, curl, keys, token):
    with harness.Subscriber(server, ("a", harness.mint(keys, ["a"]))) as subscriber:
        for scheme in ("Bearer", "bearer"):
            answer = curl(*JSON, "--header", f"Authorization: {scheme} {token}", "--data", body(), f"{server.url}/broadcast")
            harness.sequence(answer)
            subscriber.expect("m")


def test_no_token_is_401_with_a_challenge(server, curl):
    answer = curl(*JSON, "--data", body(), f"{server.url}/broadcast")
    assert (answer.status, answer.code) == (401, "token_missing")
    assert answer.headers["www-authenticate"].split()[0] == "Bearer"
    assert answer.headers["content-type"].split(";")[0] == "application/json"


def test_several_topics_are_all_or_none(server, curl, keys):
    topics = ["all-1", "all-2", "all-3"]
    reader = harness.mint(keys, topics)
    with harness.Subscriber(server, *[(topic, reader) for topic in topics]) as subscriber:
        some = harness.mint(keys, topics[:2], "broadcast")
        text = json.dumps({"topics": topics, "message": "none", "token": some})
        answer = curl(*JSON, "--data", text, f"{server.url}/broadcast")
        assert (answer.status, answer.code) == (403, "topic_not_allowed")
        text = json.dumps({"topics": topics[:2] + ["x" * 256], "message": "none", "token": some})
        assert curl(*JSON, "--data", text, f"{server.url}/broadcast").code == "topic_invalid"

        every = harness.mint(keys, topics, "broadcast")
        epoch, number = harness.sequence(harness.publish(server, every, topics[0], "before"))
        text = json.dumps({"topics": topics, "message": "all", "token": every})
        assert harness.sequence(curl(*JSON, "--data", text, f"{server.url}/broadcast")) == (epoch, number + 3)
        subscriber.expect("before", "all", "all", "all")
        harness.expect_nothing_but(server, subscriber, keys, "all-1")


def test_an_id_delivers_once(server, keys, token):
    with harness.Subscriber(server, ("a", harness.mint(keys, ["a"]))) as subscriber:
        first = harness.publish(server, token, "a", "once", id="key 1")
        again = harness.publish(server, token, "a", "once", id="key 1")
        assert harness.sequence(first) == harness.sequence(again)
        assert harness.sequence(harness.publish(server, token, "a", "other", id="key 2"))[1] > harness.sequence(first)[1]
        subscriber.expect("once", "other")
        harness.expect_nothing_but(server, subscriber, keys, "a")
    assert harness.publish(server, token, "a", "m", id="x" * 128).status == 200
    assert harness.publish(server, token, "a", "m", id="x" * 129).code == "bad_request"


def test_aiohttp_publishes_over_one_kept_connection(server, keys, token):
    async def run():
        connector = aiohttp.TCPConnector(limit=1)
        async with aiohttp.ClientSession(connector=connector, headers={"Authorization": f"Bearer {token}"}) as session:
            async with session.get(f"{server.url}/health") as answer:
                assert answer.status == 200
            async with session.head(f"{server.url}/health") as answer:
                assert answer.status == 200 and await answer.read() == b""
            cursors = []
            for number in range(500):
                # Refusals in between must leave the connection in step.
                if number % 50 == 0:
                    async with session.post(f"{server.url}/broadcast", data=b"{", headers={"Content-Type": "application/json"}) as answer:
                        assert answer.status == 400
                        assert (await answer.json())["code"] == "bad_request"
                async with session.post(f"{server.url}/broadcast", json={"topic": "a", "message": f"{number}"}) as answer:
                    assert answer.status == 200
                    cursors.append((await answer.json())["cursor"])
            return cursors

    with harness.Subscriber(server, ("a", harness.mint(keys, ["a"]))) as subscriber:
        cursors = asyncio.run(run())
        subscriber.expect(*[f"{number}" for number in range(500)])
    numbers = [int(cursor.rsplit(":", 1)[1]) for cursor in cursors]
    assert numbers == list(range(numbers[0], numbers[0] + 500))


def test_an_expectation_that_cannot_be_met_is_417(server, curl, token):
    answer = curl(*JSON, "--header", "Expect: miracles", "--data", body(token), f"{server.url}/broadcast")
    assert answer.status == 417


# Requests whose end two parsers could see in different places (RFC 9112 §6, §11.2).
GOOD_BODY = b'{"topic":"a","message":"m"}'
LENGTH = str(len(GOOD_BODY)).encode()
SMUGGLING = {
    "two framings": b"Content-Length: " + LENGTH + b"\r\nTransfer-Encoding: chunked\r\n",
    "two lengths": b"Content-Length: " + LENGTH + b"\r\nContent-Length: 0\r\n",
    "a list of lengths": b"Content-Length: " + LENGTH + b", 0\r\n",
    "a signed length": b"Content-Length: +" + LENGTH + b"\r\n",
    "a negative length": b"Content-Length: -1\r\n",
    "a hexadecimal length": b"Content-Length: 0x1b\r\n",
    "an empty length": b"Content-Length: \r\n",
    "a length beyond all bounds": b"Content-Length: 99999999999999999999999\r\n",
    "a blank before the colon": b"Content-Length : " + LENGTH + b"\r\n",
    "an unknown coding": b"Transfer-Encoding: xchunked\r\n",
    "chunked not last": b"Transfer-Encoding: chunked, identity\r\n",
    "chunked twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    "a folded line": b"Transfer-Encoding:\r\n chunked\r\n",
    "no colon": b"Content-Length " + LENGTH + b"\r\n",
}


@pytest.mark.parametrize("name", SMUGGLING)
def test_ambiguous_framing_is_refused_and_the_connection_closed(server, token, name):
    head = (
        b"POST /broadcast HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Authorization: Bearer " + token.encode() + b"\r\n" + SMUGGLING[name] + b"\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.port), timeout=harness.PATIENCE) as connection:
        connection.sendall(head + GOOD_BODY + b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    # One answer, then the end: what came behind is never taken for a request.
    statuses = [line for line in answer.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]
    # A length no message may have is too large as well as ambiguous.
    codes = (b"400", b"413") if "bounds" in name else (b"400", b"501") if "coding" in name else (b"400",)
    assert len(statuses) == 1 and statuses[0].split()[1] in codes, answer


def test_a_request_in_pieces_is_understood(server, token):
    request = (
        b"POST /broadcast HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
        b"Connection: close\r\nAuthorization: Bearer " + token.encode() + b"\r\n\r\n"
        + b"".join(b"%x\r\n%c\r\n" % (1, byte) for byte in GOOD_BODY) + b"0\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.port), timeout=harness.PATIENCE) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(request), 7):
            connection.sendall(request[start:start + 7])
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    assert answer.startswith(b"HTTP/1.1 200 ")
