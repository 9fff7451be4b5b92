"""Limits and fairness, with foreign clients: connections of an address, half-open handshakes, rates of publishes and of
bad tokens."""

import contextlib
import http.client
import json
import re
import select
import socket
import ssl

import pytest

import harness
from harness import Envelopes, Subscriber, mint, publish, request, until

SLOW = "1/h"  # no test waits for a second one


def raw(server, source="127.0.0.1", data=b""):
    """A TCP connection from one of the loopback addresses."""
    connection = socket.create_connection(("127.0.0.1", server.port), harness.PATIENCE, (source, 0))
    if data:
        connection.sendall(data)
    return connection


def is_closed(connection):
    """Whether the server has closed it without a word."""
    connection.settimeout(harness.PATIENCE)
    with contextlib.suppress(ConnectionResetError):
        return connection.recv(1) == b""
    return True


def answer(connection):
    """What the server says before it closes."""
    connection.settimeout(harness.PATIENCE)
    text = b""
    while more := connection.recv(65536):
        text += more
    head, _, body = text.partition(b"\r\n\r\n")
    return head.decode().lower(), body


# Connections of one address


def test_an_address_has_its_own_limit(make_server):
    server = make_server("--max-connections-per-address", "3")
    held = [raw(server, "127.0.0.5") for _ in range(3)]
    head, body = answer(raw(server, "127.0.0.5"))
    assert head.startswith("http/1.1 429 ") and "retry-after: 1\r\n" in head
    assert json.loads(body)["code"] == "rate_limited"
    assert request(server, "GET", "/health").status == 200, "another address"
    held.pop().close()
    with until(lambda: welcome(server, "127.0.0.5"), "a place that is free again"):
        pass
    until(lambda: "connections refused: their address has too many" in server.output, "a line in the log")


def welcome(server, source):
    connection = raw(server, source, b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    if connection.recv(65536).startswith(b"HTTP/1.1 200"):
        return connection
    connection.close()
    return None


def test_a_flood_beyond_the_limit_leaves_no_descriptors_behind_and_one_line_a_second(make_server):
    server = make_server("--max-connections-per-address", "10", "--workers", "2")
    flood = [raw(server, "127.0.0.6") for _ in range(1500)]
    # Dealt to the workers in turn: each has been through the flood before it answers.
    assert [request(server, "GET", "/health").status for _ in range(4)] == [200] * 4
    # Those that are told so, the listener, and who is welcome.
    assert server.socket_count() < 60
    for connection in flood:
        connection.close()
    until(lambda: server.socket_count() < 5, "all have gone")
    lines = until(lambda: complete(server, 1490), "lines that count all of them")
    assert len(lines) <= 2 * harness.PATIENCE, "one a worker and second"


def complete(server, count):
    lines = [line for line in server.log if "their address has too many" in line]
    return lines if sum(int(line.rsplit("count=", 1)[1].split()[0]) for line in lines) == count else None


# Handshakes without upgrade


def test_half_open_handshakes_push_out_each_other_and_nobody_else(make_server, keys):
    server = make_server("--max-connections", "40", "--max-http-connections", "10", "--workers", "2")
    token = mint(keys, ["t"])
    with Subscriber(server, ("t", token)) as subscriber:
        half_open = [raw(server, data=b"GET /ws HTTP/1.1\r\nHost: x\r\n") for _ in range(200)]
        with Subscriber(server, ("t", token)) as late:
            assert publish(server, mint(keys, ["t"], "broadcast"), "t", "m").status == 200
            subscriber.expect("m")
            late.expect("m")
        assert all(is_closed(connection) for connection in half_open[:150])
        assert server.socket_count() < 25
    until(lambda: "connections closed for newer ones" in server.output, "a line in the log")


def test_by_default_http_takes_half_of_the_connections(make_server, keys):
    server = make_server("--max-connections", "20", "--workers", "1")
    _idle = [raw(server) for _ in range(30)]
    until(lambda: server.socket_count() <= 12, "ten, the listener, one that is being closed")
    with contextlib.ExitStack() as stack:
        for _ in range(10):
            stack.enter_context(Envelopes(server)).subscribe("t", mint(keys, ["t"]))


def test_tls_handshakes_that_never_begin_are_pushed_out_too(make_server, tmp_path, monkeypatch):
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    harness.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key,
                    "-out", certificate, "-subj", "/CN=localhost", "-days", "1")
    monkeypatch.setattr(harness, "ADDRESS", re.compile(r"https://127\.0\.0\.1:(\d+)"))
    server = make_server("--max-connections", "20", "--max-http-connections", "4", "--workers", "1",
                         "--tls-certificate", certificate, "--tls-key", key)
    silent = [raw(server) for _ in range(30)]
    # Before they are closed for being late, all of them, which would make room too.
    context = ssl.create_default_context(cafile=str(certificate))
    connection = http.client.HTTPSConnection("localhost", server.port, timeout=harness.PATIENCE, context=context)
    connection.request("GET", "/health")
    assert connection.getresponse().status == 200
    connection.close()
    assert all(is_closed(connection) for connection in silent[:20])
    until(lambda: "connections closed for newer ones" in server.output, "a line in the log")


# The rate of publishes


def test_publishes_of_a_subject_are_limited_over_all_its_tokens_and_connections(make_server, keys, curl):
    server = make_server("--publish-rate", SLOW, "--publish-burst", "3", "--workers", "2")
    tokens = [mint(keys, ["t"], "broadcast", sub="backend", jti=str(number)) for number in range(4)]
    statuses = [publish(server, token, "t", "m").status for token in tokens]
    assert statuses == [200, 200, 200, 429]
    body = json.dumps({"topic": "t", "message": "m", "token": tokens[0]})
    refused = curl("--json", body, f"{server.url}/broadcast")
    assert (refused.status, refused.code) == (429, "rate_limited")
    assert 3000 < int(refused.headers["retry-after"]) <= 3600
    assert publish(server, mint(keys, ["t"], "broadcast", sub="other"), "t", "m").status == 200
    assert publish(server, mint(keys, ["t"], "broadcast"), "t", "m").status == 200, "no subject: its own"


def test_lines_of_a_batch_count_one_by_one(make_server, keys, curl):
    server = make_server("--publish-rate", SLOW, "--publish-burst", "5")
    token = mint(keys, ["t"], "broadcast")
    lines = b"".join(json.dumps({"topic": "t", "message": str(number)}).encode() + b"\n" for number in range(8))
    done = curl("--data-binary", "@-", "-H", "Content-Type: application/x-ndjson", "-H", f"Authorization: Bearer {token}",
                f"{server.url}/broadcast", stdin=lines)
    answers = [json.loads(line) for line in done.body.splitlines()]
    assert ["cursor" in each for each in answers] == [True] * 5 + [False] * 3
    assert {each["code"] for each in answers[5:]} == {"rate_limited"}


def test_the_command_line_waits_as_long_as_it_is_told(make_server, keys, cli):
    server = make_server("--publish-rate", "30/m", "--publish-burst", "1")
    token = mint(keys, ["t"], "broadcast", sub="s")
    for number in range(3):  # two seconds each, and no more tries than one
        done = cli("publish", "t", str(number), "--url", server.url, "--token", token, "--retry", "1")
        assert done.returncode == 0, done.stderr
    done = cli("publish", "t", "last", "--url", server.url, "--token", token, "--retry", "0")
    assert done.returncode == 1 and b"publishes too fast" in done.stderr


# The rate of bad tokens


def forged(token, number):
    head, payload, _ = token.split(".")
    return f"{head}.{payload}.{'A' * 69}{number:016d}A"  # canonical, so that it is worth a check


def test_bad_tokens_are_not_checked_for_ever_but_known_good_ones_pass(make_server, keys):
    server = make_server("--bad-token-rate", "4/h", "--workers", "1")
    token = mint(keys, ["t"], "broadcast")
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=harness.PATIENCE)

    def post(token):
        body = json.dumps({"topic": "t", "message": "m", "token": token})
        connection.request("POST", "/broadcast", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, response.headers["Retry-After"], response.read()

    assert post(token)[0] == 200
    assert post(forged(token, 0))[0] == 401  # a burst of one
    status, after, _ = post(forged(token, 1))
    assert status == 429 and int(after) > 600
    assert post(mint(keys, ["t"], "broadcast", jti="new"))[0] == 429
    assert post(token)[0] == 200
    assert publish(server, mint(keys, ["t"], "broadcast", jti="new"), "t", "m").status == 200, "another connection"
    until(lambda: "publishes and subscribes refused: too many" in server.output, "a line in the log")
    connection.close()


def test_websockets_pay_for_bad_tokens_too(make_server, keys):
    server = make_server("--bad-token-rate", SLOW)
    token = mint(keys, ["t"])
    with Envelopes(server) as reader:
        codes = [reader.ask(type="subscribe", topic="t", token=forged(token, number))["code"] for number in range(3)]
        assert codes == ["token_signature", "rate_limited", "rate_limited"]
        reader.settle()


def test_bad_tokens_of_an_address_are_limited_over_its_connections(make_server, keys):
    server = make_server("--bad-token-rate-per-address", SLOW, "--bad-token-rate", "0")
    token = mint(keys, ["t"], "broadcast")
    assert publish(server, token, "t", "m").status == 200
    statuses = [publish(server, forged(token, number), "t", "m").status for number in range(3)]
    assert statuses == [401, 429, 429]
    assert publish(server, token, "t", "m").status == 200, "it is remembered"
    body = json.dumps({"topic": "t", "message": "m", "token": forged(token, 9)}).encode()
    head = f"POST /broadcast HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    assert answer(raw(server, "127.0.0.9", head + body))[0].startswith("http/1.1 401 "), "another address"


# Sizes


def test_a_body_of_too_many_values_is_refused(make_server, keys):
    server = make_server()
    token = mint(keys, ["t"], "broadcast")
    assert publish(server, token, "t", "m", extra=[1] * 4000).status == 200
    for extra in ([1] * 200_000, {str(number): 1 for number in range(100_000)}):
        refused = publish(server, token, "t", "m", extra=extra)
        assert (refused.status, refused.code) == (400, "bad_request")
        assert "values" in refused.json["error"]


def test_incomplete_bodies_share_their_memory_and_small_publishes_need_none(make_server, keys):
    server = make_server("--max-request-memory", "4MiB", "--workers", "1")
    token = mint(keys, ["t"], "broadcast")
    part = b"POST /broadcast HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n" + b" " * 1_500_000
    before = server.resident_bytes()
    slow = [raw(server, data=part) for _ in range(20)]
    until(lambda: len(select.select(slow, [], [], 0)[0]) >= 17, "an answer to all but two or three")
    refused = select.select(slow, [], [], 0)[0]
    assert server.resident_bytes() - before < 24_000_000
    for connection in refused:
        connection.settimeout(harness.PATIENCE)
        assert connection.recv(4096).startswith(b"HTTP/1.1 429 ")
    assert publish(server, token, "t", "small").status == 200
    for connection in slow:
        connection.close()
    until(lambda: publish(server, token, "t", "x" * 1_900_000).status == 200, "room for a large one again")
    until(lambda: "those not yet published hold too much memory" in server.output, "a line in the log")


def test_answers_to_commands_and_pings_that_nobody_reads_end_the_connection(make_server):
    server = make_server("--max-pending", "2MiB", "--workers", "1")
    before = server.resident_bytes()
    flood = bytes([0x81, 0x82, 0, 0, 0, 0]) + b"/?", bytes([0x89, 0xFD, 0, 0, 0, 0]) + b"p" * 125
    for number, frame in enumerate(flood):
        connection = raw(
            server,
            data=b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        )
        with contextlib.suppress(ConnectionError):
            for _ in range(1000):
                connection.sendall(frame * 4096)
                if server.output.count("slow consumer closed") > number:
                    break
        until(lambda: server.output.count("slow consumer closed") == number + 1, "the end of the connection")
        connection.close()
    assert server.resident_bytes() - before < 24_000_000


def test_a_token_has_at_most_8_kib(make_server, keys):
    server = make_server()
    refused = publish(server, mint(keys, ["t" * 200] * 40, "broadcast"), "t", "m")
    assert (refused.status, refused.code) == (401, "token_malformed")


# Settings


@pytest.mark.parametrize("option, value, problem", [
    ("--publish-rate", "fast", "is not a rate"),
    ("--publish-rate", "5/d", "is not a rate"),
    ("--bad-token-rate", "-1", "is not a rate"),
    ("--bad-token-rate-per-address", "2000000/s", "is above 1000000/s"),
    ("--publish-burst", "0", "is below 1"),
    ("--max-connections-per-address", "-1", "is below 0"),
    ("--max-http-connections", "0", "is below 1"),
])
def test_bad_values_are_named(cli, keys, option, value, problem):
    done = cli("serve", "--check", "--public-key", keys.public, f"{option}={value}")
    assert done.returncode == 2 and f"{option}: \"{value}\" {problem}".encode() in done.stderr, done.stderr
    variable = "NOTIFLUX_" + option[2:].upper().replace("-", "_")
    done = cli("serve", "--check", "--public-key", keys.public, env={variable: value})
    assert done.returncode == 2 and f"{variable}: \"{value}\" {problem}".encode() in done.stderr, done.stderr
