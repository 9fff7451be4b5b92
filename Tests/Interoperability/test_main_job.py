"""The main job on real input: keys by openssl, subscribers by `websockets`, messages by notiflux and by curl."""

import asyncio
import json

import pytest
import websockets

import harness

LINES = 10_000

# Messages that something on the way might change.
AWKWARD = [
    "",
    " leading and trailing blanks ",
    "two\nlines\n",
    "dos\r\nlines",
    'quotes " \' ` and \\ backslashes \\n \\u0041',
    "tab\tand control \x01\x1b[31m\x7f",
    "NUL \x00 inside",
    "Grüße, 日本語, עברית, 👩‍👩‍👧‍👦, e\u0301 and \u00e9",
    "\u2028 and \u2029, \ufeff and \U0010ffff",
    "{\"json\": [1, 2.50, null]}",
    "/subscribe looks like a command",
    "x" * 125,
    "x" * 126,
    "x" * 65_535,
    "x" * 65_536,
    "ä€😀" * 11_111 + "!",  # 100 KB
]


def line(number):
    """A line of its own, of varied length, with quotes and Unicode in it."""
    return f'{number} "quoted" \\ {"é😀"[number % 2]}\t' + "x" * (number % 200)


async def collect(server, topic, token, count, ready):
    """All messages of one subscriber until it has as many as were published."""
    messages = []
    async with websockets.connect(server.socket_url, max_size=None) as socket:
        await socket.send(f"/subscribe {topic} {token}")
        await socket.send("/?")
        assert await asyncio.wait_for(socket.recv(), harness.PATIENCE) == "Unknown command"
        ready.set()
        while len(messages) < count:
            messages.append(await asyncio.wait_for(socket.recv(), harness.PATIENCE))
        # Nothing may follow.
        await socket.send("/?")
        assert await asyncio.wait_for(socket.recv(), harness.PATIENCE) == "Unknown command"
    return messages


@pytest.mark.parametrize("key_form", ["private", "sec1"])
def test_every_subscriber_gets_exactly_its_topics_messages_in_order_unchanged(
    make_server, keys, cli, curl, tmp_path, key_form
):
    server = make_server()
    news = [line(number) for number in range(LINES)]
    other = [f"other {number}" for number in range(500)]

    def publish():
        done = cli("publish", "news", "--lines", "--url", server.url, "--key", getattr(keys, key_form),
                   stdin="".join(text + "\n" for text in news), timeout=120)
        assert done.returncode == 0, done.stderr.decode()
        done = cli("publish", "other", "--lines", "--url", server.url, "--key", getattr(keys, key_form),
                   stdin="".join(text + "\n" for text in other), timeout=120)
        assert done.returncode == 0, done.stderr.decode()
        body = tmp_path / "body.json"
        for message in AWKWARD:
            for topic in ("news", "other"):
                token = harness.mint(keys, [topic], "broadcast")
                # Once as ASCII with escapes, once as UTF-8.
                body.write_bytes(json.dumps(
                    {"topic": topic, "message": message, "token": token}, ensure_ascii=topic == "news").encode())
                answer = curl("--header", "Content-Type: application/json", "--data-binary", f"@{body}",
                              f"{server.url}/broadcast")
                harness.sequence(answer)

    async def run():
        expected = {"news": news + AWKWARD, "other": other + AWKWARD}
        subscribers, readies = [], []
        for topic in ("news", "news", "other"):
            ready = asyncio.Event()
            subscribers.append(asyncio.create_task(
                collect(server, topic, harness.mint(keys, [topic]), len(expected[topic]), ready)))
            readies.append(asyncio.create_task(ready.wait()))
        await asyncio.wait([asyncio.gather(*readies), *subscribers], return_when=asyncio.FIRST_COMPLETED)
        await asyncio.to_thread(publish)
        received = await asyncio.gather(*subscribers)
        for topic, messages in zip(("news", "news", "other"), received):
            assert [text.encode("utf-8") for text in messages] == [text.encode("utf-8") for text in expected[topic]]

    asyncio.run(run())


def test_sequence_numbers_rise_by_one_across_topics(server, keys):
    token = harness.mint(keys, ["a", "b"], "broadcast")
    numbers = [harness.sequence(harness.publish(server, token, topic, "m")) for topic in "abbaab"]
    epoch, first = numbers[0]
    assert numbers == [(epoch, first + offset) for offset in range(6)]


def test_a_connection_with_several_topics_gets_them_in_the_order_of_publishing(server, keys):
    topics = ["one", "two", "three"]
    token = harness.mint(keys, topics)
    with harness.Subscriber(server, *[(topic, token) for topic in topics]) as subscriber:
        publisher = harness.mint(keys, topics, "broadcast")
        sent = [f"{topics[number % 3]} {number}" for number in range(300)]
        for text in sent:
            assert harness.publish(server, publisher, text.split()[0], text).status == 200
        subscriber.expect(*sent)


@pytest.mark.parametrize("source", ["argument", "file", "stdin"])
def test_publish_sends_one_message_from_where_it_is_told(server, keys, cli, tmp_path, source):
    text = 'one "message"\nof Grüße 👋'
    with harness.Subscriber(server, ("single", harness.mint(keys, ["single"]))) as subscriber:
        options = ["--url", server.url, "--key", keys.private]
        if source == "argument":
            done = cli("publish", "single", text, *options)
        elif source == "file":
            path = tmp_path / "message.txt"
            path.write_text(text, encoding="utf-8")
            done = cli("publish", "single", "--file", path, *options)
        else:
            done = cli("publish", "single", *options, stdin=text)
        assert done.returncode == 0, done.stderr.decode()
        subscriber.expect(text)
