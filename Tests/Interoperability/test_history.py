"""One log, one cursor: what a client gets that comes back, over each of the three transports."""

import json
import queue
import random
import re
import subprocess
import sys
import threading
import time

import pytest

import harness

transports = pytest.mark.parametrize("form", harness.TRANSPORTS)


@pytest.fixture
def token(keys):
    return harness.mint(keys, ["t", "u", "v"])


def publisher(server, keys):
    return harness.Publisher(server, harness.mint(keys, ["t", "u", "v"], "broadcast"))


def message(topic, data, cursor):
    return {"type": "message", "topic": topic, "cursor": cursor, "data": data}


def replayed(form, server, topics, token, since):
    """All that comes between `subscribed` and `caught-up`; the caught-up's cursor must not be behind any of it."""
    reader, subscribed = harness.follow(form, server, topics, token, since)
    with reader:
        *envelopes, caught_up = reader.until_caught_up()
    assert caught_up.get("topic", caught_up.get("topics")) in (topics, [topics])
    numbers = [harness.number(envelope["cursor"]) for envelope in envelopes if envelope["type"] == "message"]
    assert numbers == sorted(set(numbers))
    # The place to continue from is never ahead of a message that is still to come.
    assert all(harness.number(subscribed["cursor"]) < number <= harness.number(caught_up["cursor"]) for number in numbers)
    assert {envelope["type"] for envelope in envelopes} <= {"message", "gap"}
    return subscribed, envelopes, caught_up


@transports
def test_without_a_cursor_only_what_comes_later_is_delivered(server, keys, token, form):
    with publisher(server, keys) as say:
        head = say("t", "before")
        reader, subscribed = harness.follow(form, server, "t", token)
        with reader:
            assert subscribed["cursor"] == head
            cursor = say("t", "after")
            while (got := reader.receive())["type"] == "caught-up":
                pass
            assert got == message("t", "after", cursor)


@transports
def test_an_empty_cursor_counts_as_none(server, keys, token, form):
    with publisher(server, keys) as say:
        head = say("t", "before")
        reader, subscribed = harness.follow(form, server, "t", token, "")
        with reader:
            assert subscribed["cursor"] == head
            say("t", "after")
            while (got := reader.receive())["type"] == "caught-up":
                pass
            assert got["data"] == "after"


@transports
def test_a_cursor_brings_what_came_after_it_then_what_is_live(server, keys, token, form):
    with publisher(server, keys) as say:
        since = say("t", "seen")
        say("u", "another topic")
        missed = [say("t", f"missed {number}") for number in range(3)]
        reader, subscribed = harness.follow(form, server, "t", token, since)
        with reader:
            assert subscribed["cursor"] == since
            assert reader.expect_messages("t", "missed 0", "missed 1", "missed 2") == missed
            caught_up = reader.receive()
            assert caught_up["type"] == "caught-up"
            assert harness.number(caught_up["cursor"]) >= harness.number(missed[-1])
            live = say("t", "live")
            assert reader.receive() == message("t", "live", live)


@transports
def test_a_cursor_at_the_head_misses_nothing(server, keys, token, form):
    with publisher(server, keys) as say:
        head = say("t", "last")
    subscribed, envelopes, caught_up = replayed(form, server, "t", token, head)
    assert (subscribed["cursor"], envelopes, caught_up["cursor"]) == (head, [], head)


@transports
def test_one_cursor_resumes_several_topics_in_the_order_of_the_log(server, keys, token, form):
    chooser = random.Random(7)
    with publisher(server, keys) as say:
        since = say("v", "seen")
        wanted = []
        for number in range(60):
            topic = chooser.choice("tuv")
            cursor = say(topic, f"{number}")
            if topic != "v":
                wanted.append(message(topic, f"{number}", cursor))
        _, envelopes, _ = replayed(form, server, ["u", "t"], token, since)
        assert envelopes == wanted


@transports
@pytest.mark.parametrize("other", harness.TRANSPORTS)
def test_a_cursor_of_one_transport_resumes_on_another(server, keys, token, form, other):
    with publisher(server, keys) as say:
        reader, _ = harness.follow(form, server, "t", token, say("t", "seen"))
        with reader:
            assert reader.receive()["type"] == "caught-up"
            say("t", "over the first")
            cursor = reader.receive()["cursor"]
        say("t", "in between")
    _, envelopes, _ = replayed(other, server, "t", token, cursor)
    assert [envelope["data"] for envelope in envelopes] == ["in between"]


@transports
def test_what_the_count_has_pushed_out_is_a_gap_and_the_rest_follows(make_server, keys, token, form):
    server = make_server("--history-size", 5)
    with publisher(server, keys) as say:
        since = say("t", "seen")
        missed = [say("t", f"{number}") for number in range(12)]
        say("u", "another topic has a history of its own")
    subscribed, envelopes, _ = replayed(form, server, "t", token, since)
    assert subscribed["cursor"] == since
    gap, *rest = envelopes
    assert (gap["type"], gap["topic"], gap["from"]) == ("gap", "t", since)
    # Exactly the first seven are gone: (from, to] holds them all and none of the five.
    assert harness.number(missed[6]) <= harness.number(gap["to"]) < harness.number(missed[7])
    assert rest == [message("t", f"{number}", missed[number]) for number in range(7, 12)]


@transports
def test_a_cursor_that_has_missed_nothing_that_is_gone_gets_no_gap(make_server, keys, token, form):
    server = make_server("--history-size", 5)
    with publisher(server, keys) as say:
        cursors = [say("t", f"{number}") for number in range(20)]
    _, envelopes, _ = replayed(form, server, "t", token, cursors[14])
    assert envelopes == [message("t", f"{number}", cursors[number]) for number in range(15, 20)]
    _, envelopes, _ = replayed(form, server, "t", token, cursors[13])
    assert [envelope["type"] for envelope in envelopes] == ["gap"] + ["message"] * 5
    assert envelopes[0]["to"] == cursors[14]


@transports
def test_of_several_topics_each_has_its_own_gap(make_server, keys, token, form):
    server = make_server("--history-size", 5)
    with publisher(server, keys) as say:
        since = say("v", "seen")
        published = {"t": [], "u": []}
        for number in range(8):
            for topic in published:
                published[topic].append(message(topic, f"{number}", say(topic, f"{number}")))
        for number in range(3):
            say("v", "few")
    _, envelopes, _ = replayed(form, server, ["t", "u", "v"], token, since)
    gaps = {envelope["topic"]: envelope for envelope in envelopes if envelope["type"] == "gap"}
    assert set(gaps) == {"t", "u"}
    for topic, all_of_it in published.items():
        numbers = [harness.number(envelope["cursor"]) for envelope in all_of_it]
        assert gaps[topic]["from"] == since
        assert numbers[2] <= harness.number(gaps[topic]["to"]) < numbers[3]
        got = [envelope for envelope in envelopes if envelope["type"] == "message" and envelope["topic"] == topic]
        assert got == all_of_it[3:]
        # The gap comes before what follows it.
        assert envelopes.index(gaps[topic]) < envelopes.index(got[0])
    assert [envelope["data"] for envelope in envelopes if envelope.get("topic") == "v"] == ["few"] * 3


@transports
def test_what_is_too_old_is_a_gap(make_server, keys, token, form):
    server = make_server("--history-ttl", "1s")
    with publisher(server, keys) as say:
        since = say("t", "seen")
        gone = [say("t", f"gone {number}") for number in range(3)]
        time.sleep(1.5)
        kept = say("t", "kept")
        _, envelopes, _ = replayed(form, server, "t", token, since)
        assert (envelopes[0]["type"], envelopes[0]["from"]) == ("gap", since)
        assert harness.number(gone[-1]) <= harness.number(envelopes[0]["to"]) < harness.number(kept)
        assert envelopes[1:] == [message("t", "kept", kept)]
        # Where all is too old, the gap still covers it.
        time.sleep(1.5)
        _, envelopes, caught_up = replayed(form, server, "t", token, since)
        assert [(envelope["type"], envelope["from"]) for envelope in envelopes] == [("gap", since)]
        assert harness.number(kept) <= harness.number(envelopes[0]["to"]) <= harness.number(caught_up["cursor"])
        # And whoever has seen the last of them misses nothing.
        _, envelopes, _ = replayed(form, server, "t", token, kept)
        assert envelopes == []


@transports
def test_what_the_memory_has_no_room_for_is_a_gap(make_server, keys, token, form):
    server = make_server("--history-memory", "1MiB")
    with publisher(server, keys) as say:
        since = say("t", "seen")
        cursors = {}
        for number in range(40):
            topic = "tu"[number % 2]
            cursors.setdefault(topic, []).append(say(topic, f"{number} " + "x" * 100_000))
    _, envelopes, _ = replayed(form, server, ["t", "u"], token, since)
    held = sum(len(envelope.get("data", "")) for envelope in envelopes)
    assert 300_000 < held <= 2**20
    for topic, all_of_it in cursors.items():
        (gap,) = [one for one in envelopes if one["type"] == "gap" and one["topic"] == topic]
        got = [one["cursor"] for one in envelopes if one["type"] == "message" and one["topic"] == topic]
        assert got == all_of_it[-len(got):] and got
        assert harness.number(all_of_it[-len(got) - 1]) <= harness.number(gap["to"]) < harness.number(got[0])


@transports
def test_without_a_history_all_that_was_missed_is_a_gap(make_server, keys, token, form):
    server = make_server("--history-size", 0)
    with publisher(server, keys) as say:
        since = say("t", "seen")
        last = [say("t", "gone") for _ in range(3)][-1]
        reader, _ = harness.follow(form, server, "t", token, since)
        with reader:
            gap, caught_up = reader.until_caught_up()
            assert (gap["type"], gap["from"]) == ("gap", since)
            assert harness.number(last) <= harness.number(gap["to"]) <= harness.number(caught_up["cursor"])
            live = say("t", "live")
            assert reader.receive() == message("t", "live", live)


@transports
def test_a_cursor_of_another_log_is_a_gap_and_all_that_is_kept_follows(server, keys, token, form):
    with publisher(server, keys) as say:
        head = say("v", "m")
        kept = [say("v", f"kept {number}") for number in range(3)]
        _, before, _ = replayed(form, server, "v", token, f"{harness.epoch(head)}:0")
        retained = [envelope for envelope in before if envelope["type"] == "message"]
        subscribed, envelopes, _ = replayed(form, server, "v", token, "another-epoch:5")
        gap, *rest = envelopes
        assert (gap["type"], gap["topic"], gap["from"]) == ("gap", "v", "another-epoch:5")
        assert rest == retained and [one["cursor"] for one in rest][-3:] == kept
        assert harness.epoch(gap["to"]) == harness.epoch(head)
        assert harness.number(gap["to"]) == harness.number(rest[0]["cursor"]) - 1


@transports
def test_a_cursor_of_another_log_on_a_topic_with_no_history_is_a_gap_up_to_the_head(make_server, keys, token, form):
    server = make_server()
    with publisher(server, keys) as say:
        head = say("t", "another topic")
        _, envelopes, caught_up = replayed(form, server, "u", token, "Z_-9:7")
        assert envelopes == [{"type": "gap", "topic": "u", "from": "Z_-9:7", "to": head}]
        assert caught_up["cursor"] == head


@transports
def test_a_cursor_ahead_of_the_log_is_a_gap(make_server, keys, token, form):
    server = make_server()
    with publisher(server, keys) as say:
        head = say("t", "kept")
        for ahead in (f"{harness.epoch(head)}:2", f"{harness.epoch(head)}:{2**64 - 1}"):
            _, envelopes, _ = replayed(form, server, "t", token, ahead)
            gap, *rest = envelopes
            assert gap == {"type": "gap", "topic": "t", "from": ahead, "to": f"{harness.epoch(head)}:0"}
            assert rest == [message("t", "kept", head)]


@transports
def test_the_beginning_of_the_log_is_a_cursor_too(make_server, keys, token, form):
    server = make_server()
    with publisher(server, keys) as say:
        with harness.Envelopes(server) as client:
            beginning = client.welcome["cursor"]
        assert harness.number(beginning) == 0
        cursors = say.many("t", ["1", "2", "3"])
    subscribed, envelopes, _ = replayed(form, server, "t", token, beginning)
    assert subscribed["cursor"] == beginning
    assert envelopes == [message("t", f"{number}", cursors[number - 1]) for number in (1, 2, 3)]


MALFORMED = ["x", ":", "x:", ":5", "x:-1", "x:+1", "x: 1", " x:1", "x:1 ", "x:1:2", "x:1.0", "é:1", "a b:1", "x" * 33 + ":1",
             "x:" + "9" * 30, "x:18446744073709551616", "x:٣"]


@pytest.mark.parametrize("since", MALFORMED)
def test_a_malformed_cursor_is_a_bad_request(server, token, since):
    with harness.Envelopes(server) as client:
        answer = client.ask(type="subscribe", topic="t", token=token, since=since, id=1)
        assert (answer["type"], answer["code"], answer["id"]) == ("error", "bad_request", 1)
        assert client.ask(type="subscribe", topic="t", token=token, since=5)["code"] == "bad_request"
    for form in (harness.SSE, harness.NDJSON):
        answer = harness.request(server, "GET", harness.events_path("t", token, since), headers={"Accept": form})
        assert (answer.status, answer.code) == (400, "bad_request")


def test_a_second_subscribe_with_a_cursor_replays_and_goes_on_once(server, keys, token):
    with publisher(server, keys) as say, harness.Envelopes(server) as client:
        since = say("t", "seen")
        cursors = say.many("t", ["1", "2"])
        client.subscribe("t", token)
        cursors.append(say("t", "3"))
        client.expect_messages("t", "3")
        assert client.subscribe("t", token, since)["cursor"] == since
        assert client.expect_messages("t", "1", "2", "3") == cursors
        assert client.receive()["type"] == "caught-up"
        say("t", "live")
        client.expect_messages("t", "live")
        client.settle()


def test_a_replay_of_one_topic_leaves_the_others_alone(server, keys, token):
    with publisher(server, keys) as say, harness.Envelopes(server) as client:
        since = say("t", "seen")
        say("t", "missed")
        say("u", "missed too, but not asked for")
        client.subscribe("u", token)
        client.subscribe("t", token, since)
        client.expect_messages("t", "missed")
        assert client.receive()["type"] == "caught-up"
        say("u", "live")
        client.expect_messages("u", "live")


def test_unsubscribing_ends_a_replay(make_server, keys, token):
    server = make_server("--history-size", 2000)
    with publisher(server, keys) as say, harness.Envelopes(server) as client:
        since = say("t", "seen")
        for number in range(200):
            say("t", f"{number} " + "x" * 50_000)
        client.send(type="subscribe", topic="t", token=token, since=since, id=1)
        client.send(type="unsubscribe", topic="t", id=2)
        numbers = []
        while (got := client.receive()).get("id") != 2:
            if got["type"] == "message":
                numbers.append(harness.number(got["cursor"]))
        assert got["type"] == "unsubscribed"
        first = harness.number(since) + 1
        assert numbers == list(range(first, first + len(numbers)))
        # From the answer on nothing of the topic comes, but perhaps the word that the replay is at its end.
        while (got := client.ask(type="ping", id=3))["type"] == "caught-up":
            pass
        assert got == {"type": "pong", "id": 3}


@transports
def test_a_replay_goes_over_into_live_messages_without_hole_or_double(make_server, keys, token, form):
    """Subscribers come at any moment while messages are published at speed: each gets every one of them, in order."""
    server = make_server("--history-size", 100_000)
    messages = 4000
    with publisher(server, keys) as say:
        since = say("t", "seen")
    wanted = list(range(harness.number(since) + 1, harness.number(since) + 1 + messages))
    topics = ["t", "u", "v"]
    done = threading.Event()

    def speak():
        try:
            with publisher(server, keys) as say:
                for number in range(messages):
                    say(topics[number % 3], f"{number}")
        finally:
            done.set()

    failures = []

    def attend(delay):
        try:
            time.sleep(delay)
            reader, _ = harness.follow(form, server, topics, token, since)
            with reader:
                numbers, caught_up = [], 0
                while len(numbers) < messages:
                    envelope = reader.receive()
                    caught_up += envelope["type"] == "caught-up"
                    if envelope["type"] == "message":
                        numbers.append(harness.number(envelope["cursor"]))
                        assert envelope["topic"] == topics[int(envelope["data"]) % 3]
                    else:
                        assert envelope["type"] == "caught-up", envelope
                assert numbers == wanted
                assert caught_up == 1 or reader.receive()["type"] == "caught-up"
        except BaseException as error:
            failures.append(error)

    attendants = [threading.Thread(target=attend, args=(0.15 * number,)) for number in range(8)]
    for thread in (speaker := threading.Thread(target=speak), *attendants):
        thread.start()
    for thread in (speaker, *attendants):
        thread.join(4 * harness.PATIENCE)
        assert not thread.is_alive()
    assert not failures, failures


@transports
def test_a_replay_longer_than_the_bound_for_unsent_bytes_is_paced_not_cut(make_server, keys, token, form):
    server = make_server("--history-size", 1000, "--max-message-size", "64KiB", "--max-pending", "256KiB")
    with publisher(server, keys) as say:
        since = say("t", "seen")
        for number in range(200):
            say("t", f"{number} " + "x" * 50_000)
        reader, _ = harness.follow(form, server, "t", token, since)
        with reader:
            # What comes meanwhile is taken from the log and does not fill the queue.
            for number in range(20):
                say("t", f"{200 + number} " + "x" * 50_000)
            got = []
            while len(got) < 220:
                envelope = reader.receive()
                assert envelope["type"] in ("message", "caught-up"), envelope
                if envelope["type"] == "message":
                    got.append(int(envelope["data"].split()[0]))
            assert got == list(range(220))


def test_a_long_replay_does_not_delay_others(make_server, keys, token):
    """One connection replays without reading; another still gets its messages, and publishers their answers."""
    server = make_server("--history-size", 1000, "--workers", 1)
    with publisher(server, keys) as say:
        since = say("t", "seen")
        for number in range(400):
            say("t", "x" * 100_000)
        with harness.Events(server, "t", token, since), harness.Envelopes(server) as live:
            live.subscribe("u", token)
            for number in range(50):
                say("u", f"{number}")
                live.expect_messages("u", f"{number}")


def test_a_restarted_server_is_another_log(make_server, keys, token):
    first = make_server()
    with publisher(first, keys) as say:
        cursor = say("t", "lost with the server")
    first.stop()
    second = make_server()
    with publisher(second, keys) as say:
        kept = say("t", "after the restart")
    assert harness.epoch(kept) != harness.epoch(cursor)
    _, envelopes, _ = replayed("websocket", second, "t", token, cursor)
    assert [envelope["type"] for envelope in envelopes] == ["gap", "message"]
    assert envelopes[0]["from"] == cursor


def test_the_client_in_the_protocol_page_runs_and_resumes(make_server, keys, token, tmp_path):
    server = make_server("--history-size", 3)
    text = (harness.ROOT / "docs" / "protocol.md").read_text()
    (source,) = [code for code in re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE) if "async def follow" in code]
    (tmp_path / "client.py").write_text(source)
    said = queue.Queue()

    def read(process):
        for line in process.stdout:
            said.put(json.loads(line))

    with publisher(server, keys) as say, harness.CuttingProxy(server) as proxy:
        process = subprocess.Popen(
            [sys.executable, tmp_path / "client.py", f"ws://127.0.0.1:{proxy.port}/ws", "t", "u"], stdout=subprocess.PIPE,
            env=harness.clean_environment(tmp_path, NOTIFLUX_TOKEN=token))
        try:
            threading.Thread(target=read, args=(process,), daemon=True).start()

            def expect(wanted):
                got = said.get(timeout=2 * harness.PATIENCE)
                assert got == wanted, got

            # It is there once it gets something; what came before it has a start is not for it.
            while said.empty():
                first = say("t", "there?")
                time.sleep(0.05)
            got = {"cursor": None}
            while not said.empty() or got["cursor"] != first:
                got = said.get(timeout=harness.PATIENCE)
            for topic in "tu":
                expect(message(topic, "live", last := say(topic, "live")))
            proxy.shut = True
            proxy.cut()
            missed = say.many("t", "12345")
            other = say("u", "goal")
            proxy.shut = False
            expect({"type": "gap", "topic": "t", "from": last, "to": missed[1]})
            for number in (2, 3, 4):
                expect(message("t", f"{number + 1}", missed[number]))
            expect(message("u", "goal", other))
            expect(message("t", "live", say("t", "live")))
        finally:
            process.kill()
            process.wait()
