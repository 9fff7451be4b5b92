"""`notiflux bench`: what it counts is what happened, whoever tampers with it on the way."""

import contextlib
import json
import re
import resource
import signal
import socket
import subprocess

import pytest

import harness

FAILED, USAGE, REFUSED, UNREACHABLE, TIMED_OUT = 1, 2, 3, 4, 5
KINDS = ["fanout", "publish", "connect"]
SHORT = ("--duration", "300ms", "--warmup", "100ms")


@pytest.fixture
def bench(cli, keys):
    """Runs a load with the key and --json: the exit code, the object, what went to standard error."""

    def run(kind, url, *arguments, key=keys.private, code=0):
        done = cli("bench", kind, "--url", url, "--key", key, "--json", *arguments)
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return json.loads(done.stdout), done.stderr.decode()

    return run


def numbers_before_and_after(server, keys, run):
    """What `run` returns, and how many messages the server gave numbers to meanwhile."""
    token = harness.mint(keys, ["mark"], "broadcast")
    _, before = harness.sequence(harness.publish(server, token, "mark", "before"))
    result = run()
    _, after = harness.sequence(harness.publish(server, token, "mark", "after"))
    return result, after - before - 1


@pytest.mark.parametrize("mode, arguments", [("envelopes", []), ("text", ["--raw"])])
@pytest.mark.parametrize("load", [
    ["--subscribers", 30], ["--subscribers", 20, "--topics", 37, "--publishers", 3, "--threads", 2],
    ["--subscribers", 10, "--rate", 200, "--publishers", 4], ["--subscribers", 3, "--size", "300KiB"],
], ids=["one topic", "many topics", "at a rate", "large"])
def test_fanout_agrees_with_the_server_and_loses_nothing(server, keys, bench, mode, arguments, load):
    (report, errors), published = numbers_before_and_after(
        server, keys, lambda: bench("fanout", server.url, *SHORT, *load, *arguments))
    assert errors == ""
    assert report["passed"] and not report["interrupted"]
    assert report["connections"]["mode"] == mode
    assert report["connections"]["subscribed"] == report["load"]["subscribers"]
    assert report["published"]["total"] == published > 0
    check = report["check"]
    assert {name: count for name, count in check.items() if count} == {"expected": check["expected"]}
    assert report["delivered"]["total"] == check["expected"]
    if report["load"]["topics"] == 1:
        assert check["expected"] == published * report["load"]["subscribers"]
    for part, name in (("published", "roundTripMicroseconds"), ("delivered", "latencyMicroseconds")):
        times = report[part][name]
        assert times["p50"] <= times["p90"] <= times["p99"] <= times["p99.9"] <= times["max"]
        assert report[part]["measured"] <= report[part]["total"]


def test_publish_agrees_with_the_server(server, keys, bench):
    (report, _), published = numbers_before_and_after(
        server, keys, lambda: bench("publish", server.url, *SHORT, "--topics", 20))
    assert report["passed"] and report["published"]["errors"] == {}
    assert report["published"]["total"] == published > 0


@pytest.mark.parametrize("arguments", [[], ["--raw"], ["--unique-tokens", "--topics", 7], ["--rate", 500, "--threads", 2]])
def test_connect_subscribes_all(server, bench, arguments):
    report, _ = bench("connect", server.url, "--connections", 50, *arguments)
    connections = report["connections"]
    assert report["passed"] and connections["subscribed"] == 50
    assert connections["upgradeMicroseconds"]["count"] == connections["subscribeMicroseconds"]["count"] == 50
    assert connections["upgradeMicroseconds"]["p50"] <= connections["subscribeMicroseconds"]["max"]


def test_the_table_says_what_json_says_in_words(server, keys, cli):
    done = cli("bench", "fanout", "--url", server.url, "--key", keys.private, "--subscribers", 5, *SHORT)
    assert done.returncode == 0 and done.stderr == b""
    text = done.stdout.decode()
    for words in ("5 subscribers", "published", "delivered", "p99.9", "0 lost, 0 doubled, 0 out of order", "generator"):
        assert words in text, text
    assert max(map(len, text.splitlines())) <= 120


class TamperingProxy(harness.CuttingProxy):
    """A proxy that treats the messages of one subscriber as it is told: `tamper` takes all that came so far and
    the new frame, and gives the frames to send in its place."""

    def __init__(self, server, tamper):
        self.tamper = tamper
        self.victim = None
        super().__init__(server)

    def carry(self, source, sink):
        if source.getpeername()[1] != self.target[1]:
            return super().carry(source, sink)
        reader = source.makefile("rb")
        with contextlib.suppress(OSError, ValueError):
            head = b"".join(iter(reader.readline, b"\r\n")) + b"\r\n"
            sink.sendall(head)
            frames = self.frames(reader) if head.startswith(b"HTTP/1.1 101") else iter(lambda: reader.read1(65536), b"")
            seen = 0
            for frame in frames:
                if b'"type":"message"' in frame and (self.victim or source) is source:
                    self.victim = source
                    seen += 1
                    frame = b"".join(self.tamper(seen, frame))
                sink.sendall(frame)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    @staticmethod
    def frames(reader):
        while header := reader.read(2):
            length = header[1]
            if length > 125:
                more = reader.read(2 if length == 126 else 8)
                header += more
                length = int.from_bytes(more)
            yield header + reader.read(length)


def swapper():
    """The second and the third message change places."""
    held = []

    def tamper(index, frame):
        if index == 2:
            held.append(frame)
            return []
        return [frame, *[held.pop()]] if held else [frame]

    return tamper


SLOW_CONSUMER = b"\x88\x0f\x03\xf5slow consumer"


@pytest.mark.parametrize("tamper, wanted", [
    (lambda index, frame: [] if index == 2 else [frame], {"lost": 1}),
    (lambda index, frame: [] if index in (2, 3, 5) else [frame], {"lost": 3}),
    (lambda index, frame: [frame, frame] if index == 3 else [frame], {"doubled": 1}),
    (swapper(), {"reordered": 1}),
    (lambda index, frame: [frame.replace(b"nfbm", b"NFBM")] if index == 2 else [frame], {"lost": 1, "foreign": 1}),
], ids=["one dropped", "three dropped", "one doubled", "two swapped", "one damaged"])
def test_what_a_proxy_does_to_messages_is_counted_exactly(server, bench, tamper, wanted):
    with TamperingProxy(server, tamper) as proxy:
        url = f"http://127.0.0.1:{proxy.port}"
        report, _ = bench("fanout", url, *SHORT, "--subscribers", 3, "--rate", 100, code=FAILED)
    assert not report["passed"]
    check = {name: count for name, count in report["check"].items() if count}
    expected = check.pop("expected")
    assert check == wanted
    assert report["delivered"]["total"] == expected - wanted.get("lost", 0)
    assert report["connections"]["closed"] == {}


def test_a_subscriber_that_the_server_closes_is_named_with_the_reason_and_misses_nothing_after_it(server, bench):
    with TamperingProxy(server, lambda index, frame: [frame, SLOW_CONSUMER] if index == 3 else [frame]) as proxy:
        url = f"http://127.0.0.1:{proxy.port}"
        report, _ = bench("fanout", url, *SHORT, "--subscribers", 3, "--rate", 100, code=FAILED)
    assert report["connections"]["closed"] == {"1013 slow consumer": 1}
    assert report["check"]["lost"] == 0
    assert report["check"]["expected"] == report["delivered"]["total"] == 2 * report["published"]["total"] + 3


def test_a_server_that_dies_ends_the_run_with_what_was_measured(make_server, keys, binary, tmp_path):
    server = make_server("--drain-timeout", "0s")
    token = harness.mint(keys, ["t"])
    with start(binary, tmp_path, server, keys, "fanout", "--subscribers", 4, "--rate", 100) as process, \
            harness.Subscriber(server, ("t", token)) as watcher:
        watcher.receive()
        server.terminate()
        server.wait()
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=harness.PATIENCE)
    assert process.returncode == FAILED
    report = json.loads(output)
    assert sum(report["connections"]["closed"].values()) == 4
    assert report["check"]["lost"] == 0 and report["published"]["total"] > 0


@contextlib.contextmanager
def start(binary, home, server, keys, kind, *arguments):
    """A run of a minute on the topic t, with --json."""
    command = ["bench", kind, "--url", server.url, "--key", keys.private, "--topic", "t", "--duration", "60s", "--json"]
    process = subprocess.Popen(
        [binary, *map(str, [*command, *arguments])], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=harness.clean_environment(home))
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_with_what_was_measured_and_strangers_do_not_count(server, keys, binary, tmp_path, number):
    with start(binary, tmp_path, server, keys, "fanout", "--subscribers", 4, "--rate", 100, "--warmup", "0s") as process, \
            harness.Subscriber(server, ("t", harness.mint(keys, ["t"]))) as watcher:
        watcher.receive()
        stranger = harness.mint(keys, ["t"], "broadcast")
        assert harness.publish(server, stranger, "t", "from somebody else").status == 200
        process.send_signal(number)
        output, errors = process.communicate(timeout=harness.PATIENCE)
    assert process.returncode == 0, errors
    report = json.loads(output)
    assert report["interrupted"] and report["passed"]
    assert report["check"]["foreign"] == 4
    assert 0 < report["seconds"] < 60


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_is_not_there_is_4(cli, keys, kind):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    done = cli("bench", kind, "--url", f"http://127.0.0.1:{port}", "--key", keys.private)
    assert done.returncode == UNREACHABLE and done.stdout == b""
    assert b"connection refused" in done.stderr and done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_says_nothing_is_5(cli, keys, kind):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        done = cli("bench", kind, "--url", f"http://127.0.0.1:{listener.getsockname()[1]}", "--key", keys.private,
                   "--timeout", "200ms", *(SHORT if kind != "connect" else ()))
    assert done.returncode == TIMED_OUT and done.stdout == b"" and b"200 ms" in done.stderr


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("raw", [False, True])
def test_a_key_that_the_server_does_not_know_is_3(cli, server, other_keys, kind, raw):
    if raw and kind == "publish":
        pytest.skip("it does not subscribe")
    done = cli("bench", kind, "--url", server.url, "--key", other_keys.private, *(["--raw"] if raw else []))
    assert done.returncode == REFUSED and done.stdout == b"", done.stdout
    assert done.stderr.count(b"\n") == 1 and b"signature" in done.stderr


def test_given_tokens_do_for_a_named_topic(server, keys, cli):
    subscribe, broadcast = harness.mint(keys, ["t"]), harness.mint(keys, ["t"], "broadcast")
    named = ("--url", server.url, "--topic", "t", "--json")
    assert cli("bench", "publish", *named, *SHORT, "--token", broadcast).returncode == 0
    assert cli("bench", "publish", *named, *SHORT, "--token", subscribe).returncode == REFUSED
    assert cli("bench", "connect", *named, "--connections", 5, "--token", subscribe).returncode == 0
    done = cli("bench", "fanout", *named, *SHORT, "--token", subscribe, "--publish-token", "-", stdin=broadcast)
    assert done.returncode == 0 and json.loads(done.stdout)["check"]["lost"] == 0
    for kind, arguments, word in [
        ("fanout", ["--token", subscribe], "--publish-token"), ("fanout", [], "--key"),
        ("connect", ["--token", subscribe, "--unique-tokens"], "--key"),
    ]:
        done = cli("bench", kind, *named, *arguments)
        assert done.returncode == USAGE and word in done.stderr.decode()
        assert subscribe not in done.stderr.decode()
    assert cli("bench", "connect", "--token", subscribe).returncode == USAGE


@pytest.mark.parametrize("arguments, words", [
    ([], ["fanout", "publish", "connect"]), (["fanuot"], ["fanuot", "fanout"]),
    (["fanout", "--size", "10"], ["--size", "48"]), (["fanout", "--duration", "10"], ["--duration", "unit"]),
    (["publish", "--subscribers", "3"], ["--subscribers"]), (["connect", "--connections", "0"], ["--connections"]),
    (["fanout", "--topic", "x" * 255, "--topics", "2", "--key", "{key}"], ["--topic", "255"]),
    (["connect"], ["--key"]),
])
def test_wrong_usage_is_told_in_one_line_with_2(cli, keys, arguments, words):
    done = cli("bench", *[argument.replace("{key}", str(keys.private)) for argument in arguments])
    assert done.returncode == USAGE and done.stdout == b""
    line = done.stderr.decode().splitlines()[0]
    for word in words:
        assert word in line, line


def test_refused_publishes_end_the_run_and_say_why(make_server, keys, cli):
    server = make_server("--max-message-size", "1KiB")
    done = cli("bench", "publish", "--url", server.url, "--key", keys.private, "--size", "4KiB")
    assert done.returncode == FAILED and done.stdout == b""
    assert b"refused by the server" in done.stderr


def test_connections_that_a_crowded_server_turns_away_are_counted_by_reason(make_server, bench):
    server = make_server("--max-connections", "20")
    report, _ = bench("connect", server.url, "--connections", 50, code=FAILED)
    connections = report["connections"]
    assert connections["subscribed"] <= 20
    assert connections["subscribed"] + sum(connections["failures"].values()) == 50
    assert all(reason for reason in connections["failures"])


def test_too_few_open_files_is_told_before_anything_starts(binary, keys, tmp_path):
    done = subprocess.run(
        [binary, "bench", "connect", "--connections", "1000", "--key", keys.private], capture_output=True,
        env=harness.clean_environment(tmp_path), timeout=harness.PATIENCE,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200)))
    assert done.returncode == FAILED
    assert re.search(rb"needs 1\d+ open files and the limit is 200; raise it \(ulimit -n 1\d+\)", done.stderr)


def test_it_works_through_tls(make_server, bench, cli, keys, tmp_path, monkeypatch):
    monkeypatch.setattr(harness, "ADDRESS", re.compile(r"https://127\.0\.0\.1:(\d+)"))
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    harness.openssl(
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
        "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate)
    server = make_server("--tls-certificate", certificate, "--tls-key", key)
    url = f"https://localhost:{server.port}"
    report, _ = bench("fanout", url, *SHORT, "--subscribers", 5, "--ca-file", certificate)
    assert report["passed"] and report["delivered"]["total"] == 5 * report["published"]["total"] > 0
    done = cli("bench", "fanout", "--url", url, "--key", keys.private)
    assert done.returncode == UNREACHABLE and b"no trusted connection" in done.stderr
