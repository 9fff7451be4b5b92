"""`GET /events`: SSE and NDJSON by curl, http.client and a bare socket."""

import contextlib
import json
import queue
import shutil
import socket
import subprocess
import threading
import urllib.parse

import pytest

import harness

forms = pytest.mark.parametrize("form", [harness.SSE, harness.NDJSON])


@pytest.fixture
def token(keys):
    return harness.mint(keys, ["t", "u", "a b", "a+b&c=d%", "Grüße 👋"])


@pytest.fixture
def say(server, keys):
    topics = ["t", "u", "a b", "a+b&c=d%", "Grüße 👋"]
    with harness.Publisher(server, harness.mint(keys, topics, "broadcast")) as publisher:
        yield publisher


@contextlib.contextmanager
def curl_stream(*arguments):
    """The lines that `curl -N` prints, as they come."""
    program = shutil.which("curl")
    if program is None:
        pytest.skip("curl is not installed")
    process = subprocess.Popen(
        [program, "-N", "--silent", "--show-error", "--max-time", str(3 * harness.PATIENCE), *map(str, arguments)],
        stdout=subprocess.PIPE)
    lines = queue.Queue()

    def read():
        for line in process.stdout:
            lines.put(line.decode())
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    try:
        yield lambda patience=harness.PATIENCE: lines.get(timeout=patience)
    finally:
        process.kill()
        process.wait()


def bearer(token):
    return ("--header", f"Authorization: Bearer {token}")


def test_curl_prints_live_events(server, token, say):
    head = say("t", "before")
    with curl_stream(*bearer(token), server.url + "/events?topic=t") as line:
        assert [line() for _ in range(6)] == [
            "retry: 3000\n", "\n", f"id: {head}\n", "event: subscribed\n",
            "data: " + json.dumps({"type": "subscribed", "topic": "t", "cursor": head}, separators=(",", ":")) + "\n", "\n"]
        cursor = say("t", "two\nlines")
        got = line()
        if got == "event: caught-up\n" or got == f"id: {head}\n":  # allowed, not needed: nothing was asked for
            while line() != "\n":
                pass
            got = line()
        assert got == f"id: {cursor}\n"
        data = line()
        assert data.startswith("data: ") and json.loads(data[6:]) == {
            "type": "message", "topic": "t", "cursor": cursor, "data": "two\nlines"}
        assert line() == "\n"


def test_curl_prints_live_lines(server, token, say):
    head = say("t", "before")
    with curl_stream(*bearer(token), "--header", "Accept: application/x-ndjson", server.url + "/events?topic=t") as line:
        assert json.loads(line()) == {"type": "subscribed", "topic": "t", "cursor": head}
        cursor = say("t", "hello")
        assert json.loads(line()) == {"type": "message", "topic": "t", "cursor": cursor, "data": "hello"}


@forms
def test_the_head_is_what_proxies_and_browsers_need(server, token, form):
    with harness.Events(server, "t", token, form=form) as reader:
        headers = reader.response.headers
        assert headers["Content-Type"].split(";")[0] == form
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Accel-Buffering"] == "no"
        assert "Content-Length" not in headers
        assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize("accept, form", [
    (None, harness.SSE), ("*/*", harness.SSE), ("text/event-stream", harness.SSE), ("application/x-ndjson", harness.NDJSON),
    ("Application/X-NDJSON", harness.NDJSON), ("text/event-stream, */*;q=0.1", harness.SSE),
    ("application/x-ndjson; charset=utf-8", harness.NDJSON), ("text/html, application/x-ndjson", harness.NDJSON),
])
def test_accept_chooses_the_form(server, token, accept, form):
    headers = {} if accept is None else {"Accept": accept}
    answer = harness.request(server, "HEAD", harness.events_path("t", token), headers=headers)
    assert (answer.status, answer.headers["content-type"].split(";")[0]) == (200, form)


@forms
def test_head_is_get_without_a_body(server, token, form):
    answer = harness.request(server, "HEAD", harness.events_path("t", token), headers={"Accept": form})
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["content-type"].split(";")[0] == form
    assert answer.headers["cache-control"] == "no-store"
    assert harness.request(server, "HEAD", harness.events_path("t")).status == 401
    assert harness.request(server, "HEAD", harness.events_path("u", "nonsense")).status == 401


def test_nothing_comes_after_a_head_but_the_next_answer(server, token):
    path = harness.events_path("t", token).encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=harness.PATIENCE) as connection:
        connection.sendall(b"HEAD " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    assert answer.startswith(b"HTTP/1.1 200 ") and answer.index(b"\r\n\r\n") == len(answer) - 4


@pytest.mark.parametrize("where", ["bearer", "Bearer in capitals", "query"])
def test_the_token_comes_in_the_header_or_the_query(server, token, say, where):
    path = harness.events_path("t", token if where == "query" else None)
    header = {"bearer": f"Authorization: Bearer {token}", "Bearer in capitals": f"Authorization: BEARER {token}",
              "query": "X-Nothing: x"}[where]
    with curl_stream("--header", header, "--header", "Accept: application/x-ndjson", server.url + path) as line:
        assert json.loads(line())["type"] == "subscribed"
        say("t", "hello")
        assert json.loads(line())["data"] == "hello"


@pytest.mark.parametrize("topic", ["t", "a b", "a+b&c=d%", "Grüße 👋"])
@pytest.mark.parametrize("quote", [urllib.parse.quote, urllib.parse.quote_plus])
def test_a_topic_in_the_query_is_percent_encoded(server, token, say, topic, quote):
    query = f"/events?topic={quote(topic, safe='')}&token={token}"
    with curl_stream("--header", "Accept: application/x-ndjson", server.url + query) as line:
        assert json.loads(line())["topic"] == topic
        say(topic, "hello")
        assert json.loads(line())["topic"] == topic


@forms
def test_several_topics_come_on_one_stream_in_order(server, token, say, form):
    with harness.Events(server, ["t", "u", "t"], token, form=form) as reader:
        subscribed = reader.receive()
        assert (subscribed["type"], subscribed["topics"]) == ("subscribed", ["t", "u"])
        cursors = [say("tu"[number % 2], f"{number}") for number in range(20)]
        got = []
        while len(got) < 20:
            if (envelope := reader.receive())["type"] == "message":
                got.append(envelope)
        assert [(one["topic"], one["data"], one["cursor"]) for one in got] == [
            ("tu"[number % 2], f"{number}", cursors[number]) for number in range(20)]


@forms
@pytest.mark.parametrize("message", ["", "hello", 'Grüße 👋 "q" \\ / \n\r\n\r\t\u0000\u0085\u2028\u2029', "data: x\n\nid: y", "x" * 300_000])
def test_any_text_arrives_as_it_was_published(server, token, say, form, message):
    with harness.Events(server, "t", token, form=form) as reader:
        reader.receive()
        say("t", message)
        while (envelope := reader.receive())["type"] != "message":
            pass
        assert envelope["data"] == message


@forms
def test_last_event_id_wins_over_since(server, token, say, form):
    old = say("t", "old")
    new = say("t", "new")
    say("t", "newest")
    with harness.Events(server, "t", token, since=old, form=form, Last_Event_ID=new) as reader:
        assert reader.receive()["cursor"] == new
        reader.expect_messages("t", "newest")
    with harness.Events(server, "t", token, form=form, Last_Event_ID=old) as reader:
        assert reader.receive()["cursor"] == old
        reader.expect_messages("t", "new", "newest")
    # An empty one counts as none.
    with harness.Events(server, "t", token, since=old, form=form, Last_Event_ID="") as reader:
        assert reader.receive()["cursor"] == old


@forms
@pytest.mark.parametrize("path, status, code", [
    ("/events?token=TOKEN", 400, "bad_request"),
    ("/events", 400, "bad_request"),
    ("/events?topic=&token=TOKEN", 400, "topic_invalid"),
    ("/events?topic=a%0Ab&token=TOKEN", 400, "topic_invalid"),
    ("/events?topic=" + "x" * 256 + "&token=TOKEN", 400, "topic_invalid"),
    ("/events?topic=%FF&token=TOKEN", 400, "bad_request"),
    ("/events?topic=%zz&token=TOKEN", 400, "bad_request"),
    ("/events?topic=t&since=nonsense&token=TOKEN", 400, "bad_request"),
    ("/events?topic=t", 401, "token_missing"),
    ("/events?topic=t&token=", 401, None),
    ("/events?topic=t&token=nonsense", 401, "token_malformed"),
    ("/events?topic=other&token=TOKEN", 403, "topic_not_allowed"),
    ("/events?topic=t&topic=other&token=TOKEN", 403, "topic_not_allowed"),
    ("/events/?topic=t&token=TOKEN", 404, "not_found"),
])
def test_refusals_are_plain_json(server, token, form, path, status, code):
    answer = harness.request(server, "GET", path.replace("TOKEN", token), headers={"Accept": form})
    assert (answer.status, answer.headers["content-type"].split(";")[0]) == (status, "application/json")
    assert answer.code == (code or answer.code)
    if status == 401:
        assert answer.code.startswith("token_")
        assert answer.headers["www-authenticate"].split()[0] == "Bearer"
    assert token not in answer.body.decode()


def test_a_refused_token_is_refused_with_its_code(server, keys, other_keys):
    for code, status, token in [
        ("token_signature", 401, harness.mint(other_keys, ["t"])),
        ("token_expired", 401, harness.mint(keys, ["t"], ttl=-12)),
        ("token_not_yet_valid", 401, harness.mint(keys, ["t"], nbf=4_000_000_000)),
        ("token_claims", 401, harness.mint(keys, None)),
        ("token_scope", 403, harness.mint(keys, ["t"], "broadcast")),
    ]:
        for path, headers in ((harness.events_path("t", token), {}),
                              (harness.events_path("t"), {"Authorization": f"Bearer {token}"})):
            answer = harness.request(server, "GET", path, headers=headers)
            assert (answer.status, answer.code) == (status, code)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_other_methods_are_405(server, token, method):
    answer = harness.request(server, method, harness.events_path("t", token))
    assert (answer.status, answer.code) == (405, "method_not_allowed")
    assert {"GET", "HEAD"} <= {word.strip() for word in answer.headers["allow"].split(",")}


def test_more_topics_than_a_connection_may_hold_are_refused(make_server, keys):
    server = make_server("--max-subscriptions", 2)
    token = harness.mint(keys, ["a", "b", "c"])
    answer = harness.request(server, "GET", harness.events_path(["a", "b", "c"], token))
    assert 400 <= answer.status < 500 and answer.code == "too_many_subscriptions"
    with harness.Events(server, ["a", "b", "a"], token) as reader:
        assert reader.receive()["topics"] == ["a", "b"]


def test_pages_of_allowed_origins_may_read(make_server, keys):
    server = make_server("--allow-origin", "https://www.example.com")
    token = harness.mint(keys, ["t"])
    with harness.Events(server, "t", token, Origin="https://www.example.com") as reader:
        assert reader.response.headers["Access-Control-Allow-Origin"] == "https://www.example.com"
    answer = harness.request(server, "HEAD", harness.events_path("t", token), headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in answer.headers
    # A page must be able to read why it was refused.
    answer = harness.request(server, "GET", harness.events_path("t"), headers={"Origin": "https://www.example.com"})
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (401, "https://www.example.com")


def test_the_token_in_the_query_is_not_logged(make_server, keys):
    server = make_server("--log-level", "trace")
    token = harness.mint(keys, ["t"])
    with harness.Events(server, "t", token):
        harness.request(server, "HEAD", harness.events_path("t", token))
        harness.request(server, "GET", harness.events_path("other", token))
    server.stop()
    assert token.split(".")[2] not in server.output


@forms
def test_a_subscriber_that_goes_is_forgotten(make_server, keys, form):
    server = make_server()
    token = harness.mint(keys, ["t"])
    idle = server.socket_count()
    for _ in range(50):
        with harness.Events(server, "t", token, form=form) as reader:
            reader.receive()
    harness.until(lambda: server.socket_count() <= idle, "the server lets go of its sockets")


@forms
def test_a_subscriber_that_does_not_read_is_cut_off_and_can_resume(make_server, keys, form):
    server = make_server("--max-message-size", "64KiB", "--max-pending", "64KiB", "--history-size", 1000)
    token = harness.mint(keys, ["t"])
    with harness.Publisher(server, harness.mint(keys, ["t"], "broadcast")) as say:
        with harness.Events(server, "t", token, form=form) as slow:
            since = slow.receive()["cursor"]
            for number in range(400):
                say("t", f"{number} " + "x" * 50_000)
            # It ends, after whole events or in the middle of one; never does it go on with a hole.
            got = []
            try:
                while True:
                    envelope = slow.receive()
                    if envelope["type"] == "message":
                        got.append(envelope["cursor"])
            except (AssertionError, OSError, ValueError, harness.http.client.HTTPException):
                pass
        numbers = [harness.number(cursor) for cursor in got]
        assert numbers == list(range(harness.number(since) + 1, harness.number(since) + 1 + len(got)))
        assert len(got) < 400
        with harness.Events(server, "t", token, since=got[-1] if got else since, form=form) as again:
            assert again.receive()["type"] == "subscribed"
            for number in range(len(got), 400):
                assert again.receive()["data"].split()[0] == f"{number}"


@forms
def test_a_drain_ends_the_stream(make_server, keys, form):
    server = make_server()
    with harness.Events(server, "t", harness.mint(keys, ["t"]), form=form) as reader:
        reader.receive()
        server.terminate()
        try:
            while reader.response.readline():
                pass
        except (OSError, harness.http.client.HTTPException):
            pass
    server.wait()


@pytest.mark.slow
def test_a_quiet_stream_is_kept_alive_by_comments_and_empty_lines(server, token):
    comment, empty = [], []

    def wait_for(lines, *arguments):
        with curl_stream(*bearer(token), *arguments, server.url + "/events?topic=t") as line:
            while True:
                text = line(2 * harness.PATIENCE)
                if text is None:
                    return
                lines.append(text)
                if len(arguments) == 0 and text.startswith(":") or len(arguments) > 0 and text == "\n":
                    return

    threads = [threading.Thread(target=wait_for, args=(comment,)),
               threading.Thread(target=wait_for, args=(empty, "--header", "Accept: application/x-ndjson"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(3 * harness.PATIENCE)
    assert comment and comment[-1].startswith(":")
    assert empty and empty[-1] == "\n" and json.loads(empty[0])["type"] == "subscribed"
