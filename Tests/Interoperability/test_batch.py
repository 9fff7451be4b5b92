"""`POST /broadcast` with NDJSON: many messages in one request, answered line by line, by curl, aiohttp and a bare socket."""

import asyncio
import json
import select
import socket

import aiohttp
import pytest

import harness

TYPE = {"Content-Type": "application/x-ndjson"}
MIB = 2**20


@pytest.fixture
def token(keys):
    return harness.mint(keys, ["a", "b"], "broadcast")


def line(topic="a", message="m", **members):
    return json.dumps({"topic": topic, "message": message, **members}).encode() + b"\n"


def post(server, body, token=None, **headers):
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    return harness.request(server, "POST", "/broadcast", body, {**TYPE, **headers})


def answers(answer):
    """The answers in the lines of the body."""
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"].split(";")[0] == harness.NDJSON
    assert answer.body == b"" or answer.body.endswith(b"\n")
    values = [json.loads(text) for text in answer.body.splitlines()]
    for value in values:
        assert "cursor" in value and harness.CURSOR.fullmatch(value["cursor"]) or "\n" not in value["error"] and value["code"]
    return values


def numbers(values):
    return [harness.number(value["cursor"]) for value in values]


def test_curl_sends_a_file_and_gets_an_answer_a_line(server, curl, keys, token):
    with harness.Subscriber(server, ("a", harness.mint(keys, ["a"]))) as subscriber:
        body = b"".join(line(message=f"{number}") for number in range(100))
        answer = curl("--header", "Content-Type: application/x-ndjson", "--header", f"Authorization: Bearer {token}",
                      "--data-binary", "@-", f"{server.url}/broadcast", stdin=body)
        got = numbers(answers(answer))
        assert got == list(range(got[0], got[0] + 100))
        subscriber.expect(*[f"{number}" for number in range(100)])


def test_the_answers_come_in_the_order_of_the_lines(server, keys):
    """Also where some are refused at once and others wait for delivery."""
    token = harness.mint(keys, ["a"], "broadcast")
    body = b"".join(line("a" if number % 3 else "b", f"{number}") for number in range(900))
    values = answers(post(server, body, token))
    assert len(values) == 900
    assert [value.get("code") for value in values] == [None if number % 3 else "topic_not_allowed" for number in range(900)]
    accepted = numbers([value for value in values if "cursor" in value])
    assert accepted == sorted(set(accepted))


def test_a_bad_line_does_not_spoil_its_neighbours(server, keys, other_keys, token):
    bad = {
        b"{\n": "bad_request",
        b"nonsense\n": "bad_request",
        b"[]\n": "bad_request",
        b"\xff\n": "bad_request",
        b'{"topic":"a"}\n': "bad_request",
        line("") : "topic_invalid",
        line("c"): "topic_not_allowed",
        line(token="nonsense"): "token_malformed",
        line(token=harness.mint(other_keys, ["a"], "broadcast")): "token_signature",
        line(token=harness.mint(keys, ["a"])): "token_scope",
        line(id=""): "bad_request",
        line(id="x" * 129): "bad_request",
        b'{"topics":["a","c"],"message":"m"}\n': "topic_not_allowed",
        b'{"topic":"a","message":"m"}{"topic":"a","message":"m"}\n': "bad_request",
    }
    with harness.Subscriber(server, ("a", harness.mint(keys, ["a"]))) as subscriber:
        body = line(message="first") + b"".join(text + line(message=f"after {code}") for text, code in bad.items())
        values = answers(post(server, body, token))
        assert [value.get("code") for value in values] == [None] + [code for each in bad.values() for code in (each, None)]
        subscriber.expect("first", *[f"after {code}" for code in bad.values()])
        harness.expect_nothing_but(server, subscriber, keys, "a")


def test_blank_lines_are_skipped_and_line_ends_may_be_windows_ones(server, token):
    body = b"\n\r\n" + line() + b"\n\n" + line().rstrip() + b"\r\n  \n\t\n" + line() + b"\n"
    assert len(numbers(answers(post(server, body, token)))) == 3


def test_the_last_line_needs_no_end(server, token):
    assert len(numbers(answers(post(server, line() + line().rstrip(), token)))) == 2


@pytest.mark.parametrize("body", [b"", b"\n", b"\n\r\n\n"])
def test_a_body_without_a_line_gets_no_answer_line(server, token, body):
    answer = post(server, body, token)
    assert (answer.status, answer.body) == (200, b"")


def test_each_line_may_carry_its_own_token(server, keys, token):
    only_a, only_b = (harness.mint(keys, [topic], "broadcast") for topic in "ab")
    values = answers(post(server, line("a", token=only_a) + line("b", token=only_a) + line("b", token=only_b) + line("b")))
    assert [value.get("code") for value in values] == [None, "topic_not_allowed", None, "token_missing"]
    # The member counts where both are there.
    values = answers(post(server, line("b", token=only_a) + line("b"), token))
    assert [value.get("code") for value in values] == ["topic_not_allowed", None]


def test_several_topics_and_ids_work_in_lines(server, keys, token):
    both = b'{"topics":["a","b"],"message":"both"}\n'
    first, second, again, other = numbers(answers(post(
        server, both + line(id="batch 1") + line(id="batch 1", message="again") + line(id="batch 2"), token)))
    assert second == first + 1 and again == second and other == second + 1
    # An id is known to later requests of any kind.
    assert harness.sequence(harness.publish(server, token, "a", "once more", id="batch 1"))[1] == second


def test_a_line_that_is_too_large_is_refused_alone_and_the_body_has_no_limit(make_server, token):
    server = make_server("--max-message-size", 2000)
    fits = line(message="x" * (2000 - len(line(message="")) + 1))
    assert len(fits) == 2001  # with its end
    too_large = line(message="x" * 2000)
    far_too_large = line(message="x" * 500_000)
    body = (fits + too_large + line() + far_too_large + line()) * 5
    values = answers(post(server, body, token))
    assert [value.get("code") for value in values] == [None, "too_large", None, "too_large", None] * 5
    # A last line that is too large and has no end.
    values = answers(post(server, line() + too_large.rstrip(), token))
    assert [value.get("code") for value in values] == [None, "too_large"]
    # The same size as one message is refused as a whole.
    assert harness.request(server, "POST", "/broadcast", too_large, {"Content-Type": "application/json"}).status == 413


def test_the_type_may_have_parameters_and_capitals(server, token):
    for name in ("application/x-ndjson; charset=utf-8", "Application/X-NDJSON"):
        assert len(numbers(answers(post(server, line(), token, **{"Content-Type": name})))) == 1


def test_the_connection_serves_on_afterwards(server, token):
    async def run():
        connector = aiohttp.TCPConnector(limit=1)
        async with aiohttp.ClientSession(connector=connector, headers={"Authorization": f"Bearer {token}"}) as session:
            for _ in range(20):
                async with session.post(f"{server.url}/broadcast", data=line() * 3 + b"x\n", headers=TYPE) as answer:
                    assert (await answer.text()).count("\n") == 4
                async with session.post(f"{server.url}/broadcast", json={"topic": "a", "message": "m"}) as answer:
                    assert answer.status == 200

    asyncio.run(run())


def test_aiohttp_gets_the_first_answer_before_it_sends_the_second_line(server, token):
    async def run():
        answered = asyncio.Queue()

        async def body():
            for number in range(100):
                yield line(message=f"{number}")
                assert "cursor" in json.loads(await asyncio.wait_for(answered.get(), harness.PATIENCE))

        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}", **TYPE}) as session:
            async with session.post(f"{server.url}/broadcast", data=body()) as answer:
                assert answer.status == 200
                count = 0
                async for text in answer.content:
                    answered.put_nowait(text)
                    count += 1
                assert count == 100

    asyncio.run(asyncio.wait_for(run(), 2 * harness.PATIENCE))


class Raw:
    """A batch by a bare socket, which shows what comes when."""

    def __init__(self, server, token, framing=b"Transfer-Encoding: chunked", receive_buffer=None):
        self.socket = socket.socket()
        self.socket.settimeout(harness.PATIENCE)
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect(("127.0.0.1", server.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(
            b"POST /broadcast HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nAuthorization: Bearer "
            + token.encode() + b"\r\n" + framing + b"\r\n\r\n")
        self.answer = self.socket.makefile("rb")
        self.has_head = False

    def send(self, data):
        self.socket.sendall(b"%x\r\n" % len(data) + data + b"\r\n")

    def end(self):
        self.socket.sendall(b"0\r\n\r\n")

    def chunk(self):
        """One chunk of the answer, empty at its end."""
        if not self.has_head:
            assert self.answer.readline().startswith(b"HTTP/1.1 200 ")
            while (field := self.answer.readline().lower()) != b"\r\n":
                assert not field.startswith(b"content-length:")
            self.has_head = True
        data = self.answer.read(int(self.answer.readline(), 16))
        assert self.answer.readline() == b"\r\n"
        return data

    def lines(self, count):
        pieces = []
        while count > 0:
            pieces.append(self.chunk())
            assert pieces[-1], "the answer ended"
            count -= pieces[-1].count(b"\n")
        return [json.loads(each) for each in b"".join(pieces).splitlines()]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.answer.close()
        self.socket.close()


def test_the_body_may_come_byte_by_byte(server, token):
    with Raw(server, token) as raw:
        text = line(message="é👋") + b"\n{\n" + line()
        for start in range(len(text)):
            raw.send(text[start:start + 1])
        raw.end()
        first, second, third = raw.lines(3)
        assert "cursor" in first and second["code"] == "bad_request" and "cursor" in third
        assert raw.chunk() == b""


def test_a_publisher_that_breaks_off_has_published_the_lines_it_sent(server, keys, token):
    with harness.Subscriber(server, ("a", harness.mint(keys, ["a"]))) as subscriber:
        with Raw(server, token) as raw:
            raw.send(line(message="whole") + b'{"topic":"a","message":"ha')
            assert len(raw.lines(1)) == 1
        subscriber.expect("whole")
        harness.expect_nothing_but(server, subscriber, keys, "a")


def test_lines_are_published_as_they_come_not_at_the_end(server, keys, token):
    with harness.Subscriber(server, ("a", harness.mint(keys, ["a"]))) as subscriber, Raw(server, token) as raw:
        for number in range(10):
            raw.send(line(message=f"{number}"))
            subscriber.expect(f"{number}")
        raw.end()
        assert len(raw.lines(10)) == 10


def test_a_batch_does_not_hold_up_other_publishers(server, token):
    with Raw(server, token) as raw:
        raw.send(line())
        raw.lines(1)
        assert harness.publish(server, token, "a", "in between").status == 200
        raw.send(line())
        raw.lines(1)


def test_who_does_not_read_the_answers_is_not_read_from_either(make_server, token):
    """Else the answers to a long body would pile up in the server. All of them come once they are read."""
    server = make_server("--history-size", 1)
    before = server.resident_bytes()
    with Raw(server, token, b"Content-Length: 4000000000", receive_buffer=4096) as raw:
        length = 200
        block = (b"x" * (length - 1) + b"\n") * 300
        raw.socket.setblocking(False)
        sent = 0
        # Over when the socket takes nothing for a while. What the kernel's buffers hold is some megabytes.
        while select.select([], [raw.socket], [], 3)[1]:
            try:
                sent += raw.socket.send(block[sent % length:])
            except BlockingIOError:
                continue
            assert sent < 64 * MIB, "the server reads on though nobody reads its answers"
        assert server.resident_bytes() - before < 64 * MIB
        raw.socket.setblocking(True)
        raw.socket.settimeout(harness.PATIENCE)
        assert {value["code"] for value in raw.lines(sent // length)} == {"bad_request"}


@pytest.mark.slow
@pytest.mark.parametrize("size, megabytes", [(200, 20), (100_000, 100)])
def test_many_megabytes_pass_through_in_bounded_memory(make_server, keys, token, size, megabytes):
    server = make_server("--history-memory", "4MiB", "--history-size", 1000)
    assert harness.publish(server, token, "a", "warm").status == 200
    before = server.resident_bytes()
    text = line(message="x" * size)
    count = megabytes * 1_000_000 // len(text)
    highest = 0

    async def run():
        async def body():
            nonlocal highest
            per_block = max(1, 65_536 // len(text))
            for start in range(0, count, per_block):
                yield text * min(per_block, count - start)
                if start % (per_block * 64) == 0:
                    highest = max(highest, server.resident_bytes())

        timeout = aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}", **TYPE}, timeout=timeout) as session:
            async with session.post(f"{server.url}/broadcast", data=body()) as answer:
                assert answer.status == 200
                last, seen = 0, 0
                async for text_of_answer in answer.content:
                    number = harness.number(json.loads(text_of_answer)["cursor"])
                    assert number > last
                    last, seen = number, seen + 1
                assert seen == count

    asyncio.run(run())
    assert highest - before < 48 * MIB, f"{(highest - before) / MIB:.1f} MiB more than before"


def test_an_id_holds_over_restarts_of_the_client(server, keys, token):
    """The server remembers, not the connection: each publish here comes over a connection of its own."""
    with harness.Subscriber(server, ("a", harness.mint(keys, ["a"]))) as subscriber:
        first = harness.publish(server, token, "a", "once", id="restart")
        for publish in (
            lambda: harness.publish(server, token, "a", "once", id="restart"),
            lambda: harness.publish(server, token, "a", "with another text", id="restart"),
            lambda: harness.request(server, "POST", "/broadcast", json.dumps(
                {"topic": "a", "message": "once", "id": "restart"}).encode(),
                {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}),
        ):
            assert publish().json == first.json
        subscriber.expect("once")
        harness.expect_nothing_but(server, subscriber, keys, "a")


def test_the_cli_publishes_an_id_once(server, cli, keys, token):
    with harness.Subscriber(server, ("a", harness.mint(keys, ["a"]))) as subscriber:
        for _ in range(3):
            done = cli("publish", "a", "once", "--url", server.url, "--id", "from the CLI", env={"NOTIFLUX_TOKEN": token})
            assert done.returncode == 0, done.stderr
        subscriber.expect("once")
        harness.expect_nothing_but(server, subscriber, keys, "a")


def test_an_id_is_known_for_each_topic_by_itself(server, keys, token):
    reader = harness.mint(keys, ["a", "b"])
    with harness.Envelopes(server) as client:
        client.subscribe(["a", "b"], reader)
        first = harness.number(harness.publish(server, token, "a", "m", id="per topic").json["cursor"])
        # New to b, known to a: delivered to b only, and answered with the last one's cursor.
        answer = harness.publish(server, token, None, "m", topics=["a", "b"], id="per topic")
        assert harness.number(answer.json["cursor"]) == first + 1
        answer = harness.publish(server, token, None, "m", topics=["b", "a"], id="per topic")
        assert harness.number(answer.json["cursor"]) == first
        client.expect({"topic": "a", "data": "m"}, {"topic": "b", "data": "m"})
        client.settle()


@pytest.mark.parametrize("id, status", [("x", 200), ("x" * 128, 200), ("é" * 64, 200), ("", 400), ("x" * 129, 400), ("é" * 65, 400), (1, 400)])
def test_an_id_has_1_to_128_bytes(server, token, id, status):
    answer = harness.publish(server, token, "a", "m", id=id)
    assert answer.status == status
    assert status == 200 or answer.code == "bad_request"
