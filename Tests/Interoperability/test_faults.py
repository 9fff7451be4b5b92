"""Faults of the machine and of clients: no descriptors, resets at every state, a full disk, little memory, a sudden end.

Through all of them the server serves whoever is not concerned, and has lost nothing when they are over.
"""

import base64
import concurrent.futures
import contextlib
import json
import os
import pathlib
import re
import resource
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import types

import pytest

import harness

TICKS = os.sysconf("SC_CLK_TCK")


def connect(server):
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=harness.PATIENCE)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def reset(connection):
    """Closes by RST: linger 0 (socket(7))."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def descriptor_count(server):
    return len(os.listdir(f"/proc/{server.pid}/fd"))


def processor_seconds(server):
    fields = pathlib.Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


HEALTH = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
UPGRADE = (b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
           b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")


def publish_request(token, text="m", fields="", topic="t"):
    content = json.dumps({"topic": topic, "message": text, "token": token}).encode()
    return f"POST /broadcast HTTP/1.1\r\nHost: x\r\n{fields}Content-Length: {len(content)}\r\n\r\n".encode() + content


def frame(text):
    """A client's text frame, masked with zeros (RFC 6455 §5.2)."""
    data = text.encode()
    length = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + struct.pack("!H", len(data))
    return b"\x81" + length + bytes(4) + data


def answer(connection):
    data = connection.recv(65536)
    assert data.startswith(b"HTTP/1.1 "), data
    return data


def serves(server, keys):
    """A message goes through, from one end to the other. By a topic of its own: what others asked for may still come."""
    with harness.Subscriber(server, ("after", harness.mint(keys, ["after"]))) as subscriber:
        harness.expect_nothing_but(server, subscriber, keys, "after")


# MARK: Descriptors

@pytest.fixture(params=["plain", "tls"])
def either_server(request, make_server, tmp_path, monkeypatch):
    """A server, and how to connect to it."""
    if request.param == "plain":
        return make_server(), connect
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    harness.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-keyout", key, "-out", certificate)
    monkeypatch.setattr(harness, "ADDRESS", re.compile(r"https://127\.0\.0\.1:(\d+)"))
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    server = make_server("--tls-certificate", certificate, "--tls-key", key)
    return server, lambda server: context.wrap_socket(connect(server))


def test_without_descriptors_those_inside_are_served_and_others_when_there_is_room(either_server, keys):
    server, dial = either_server
    inside = dial(server)
    token = harness.mint(keys, ["t"], "broadcast")
    inside.sendall(publish_request(token))
    assert b"200 OK" in answer(inside)
    _, hard = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
    limit = descriptor_count(server) + 20
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (limit, hard))

    with contextlib.ExitStack() as stack:
        outside = [stack.enter_context(connect(server)) for _ in range(60)]
        harness.until(lambda: "no connection can be accepted" in server.output, "the log says that none can be accepted")
        before = processor_seconds(server)
        for number in range(20):
            inside.sendall(publish_request(token, f"{number}"))
            assert b"200 OK" in answer(inside)
            time.sleep(0.15)  # Three of the server's rests.
        assert processor_seconds(server) - before < 1.5, "it spins"
        assert server.output.count("no connection can be accepted") == 1
        assert descriptor_count(server) <= limit
    # They have left: there is room, and who waited behind them has been accepted and has gone too.
    with dial(server) as late:
        late.sendall(HEALTH)
        assert b"200 OK" in answer(late)
    harness.until(lambda: "accepted again" in server.output, "the log says that it is over")
    inside.close()


# MARK: Ends of connections

def nothing(server, keys):
    return connect(server)


def sending(*parts):
    """A client that has sent these bytes, none of which is answered yet."""
    def make(server, keys):
        connection = connect(server)
        for part in parts:
            connection.sendall(part)
        return connection
    return make


def asking(server, keys):
    """A publish whose token must be checked first: no two are the same. It may be done when its client has gone."""
    connection = connect(server)
    token = harness.mint(keys, ["asked"], "broadcast", jti=os.urandom(8).hex())
    connection.sendall(publish_request(token, topic="asked"))
    return connection


def asking_to_subscribe(server, keys):
    connection = upgraded(server, keys)
    connection.sendall(frame("/subscribe t " + harness.mint(keys, ["t"], jti=os.urandom(8).hex())))
    return connection


def asking_for_a_stream(server, keys):
    connection = connect(server)
    path = harness.events_path("t", harness.mint(keys, ["t"], jti=os.urandom(8).hex()))
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return connection


def answered(server, keys):
    connection = connect(server)
    connection.sendall(HEALTH)
    answer(connection)
    return connection


def refused(server, keys):
    connection = connect(server)
    connection.sendall(b"nonsense\r\n\r\n")
    answer(connection)
    return connection


def in_a_batch(server, keys):
    token = harness.mint(keys, ["asked"], "broadcast")
    connection = connect(server)
    line = json.dumps({"topic": "asked", "message": "m"}).encode() + b"\n"
    connection.sendall(
        f"POST /broadcast HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nAuthorization: Bearer {token}\r\n"
        "Transfer-Encoding: chunked\r\n\r\n".encode() + b"%x\r\n%s\r\n" % (len(line), line))
    answer(connection)
    return connection


def upgraded(server, keys):
    connection = connect(server)
    connection.sendall(UPGRADE)
    assert b" 101 " in answer(connection)
    return connection


def in_a_frame(server, keys):
    connection = upgraded(server, keys)
    connection.sendall(frame("/subscribe")[:7])
    return connection


def in_a_fragmented_message(server, keys):
    connection = upgraded(server, keys)
    connection.sendall(b"\x01" + frame("/sub")[1:])
    return connection


def subscribed(server, keys):
    connection = asking_to_subscribe(server, keys)
    connection.sendall(frame("/?"))
    assert connection.recv(1000)  # The answer to it, and messages of others.
    return connection


def streaming(server, keys):
    connection = asking_for_a_stream(server, keys)
    assert b"200 OK" in answer(connection)
    return connection


STATES = {
    "before a byte": nothing,
    "in a request line": sending(b"GET /hea"),
    "in a head": sending(HEALTH[:-2]),
    "in a body": sending(publish_request("x")[:-5]),
    "in a chunk": sending(b"POST /broadcast HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{"),
    "waiting for 100": sending(publish_request("x", fields="Expect: 100-continue\r\n")[:-100]),
    "while a publish's token is checked": asking,
    "while a subscriber's token is checked": asking_to_subscribe,
    "while a stream's token is checked": asking_for_a_stream,
    "between requests": answered,
    "after a refusal": refused,
    "in a batch": in_a_batch,
    "after the upgrade": upgraded,
    "in a frame": in_a_frame,
    "in a fragmented message": in_a_fragmented_message,
    "subscribed": subscribed,
    "in a stream": streaming,
}
# Where one has asked for something, one gets it, though one has nothing more to say (RFC 9112 §9.6).
ANSWERED = {"while a publish's token is checked": b"200 OK", "while a stream's token is checked": b"200 OK"}


@pytest.mark.parametrize("state", STATES)
def test_a_reset_at_any_state_leaves_nothing(server, keys, state):
    before = server.socket_count()
    for _ in range(20):
        reset(STATES[state](server, keys))
    serves(server, keys)
    harness.until(lambda: server.socket_count() <= before, "the server lets go of its sockets")


@pytest.mark.parametrize("state", STATES)
def test_who_ends_its_side_gets_what_it_asked_for_and_the_end(server, keys, state):
    before = server.socket_count()
    for _ in range(5):
        with STATES[state](server, keys) as connection:
            connection.shutdown(socket.SHUT_WR)
            rest = b"".join(iter(lambda: connection.recv(65536), b""))
            assert ANSWERED.get(state, b"") in rest
    harness.until(lambda: server.socket_count() <= before, "the server lets go of its sockets")


def test_resets_while_messages_are_delivered_concern_nobody_else(server, keys):
    reader, writer = harness.mint(keys, ["t"]), harness.mint(keys, ["t"], "broadcast")
    messages, stop = [f"{number} " + "x" * 5_000 for number in range(400)], threading.Event()
    before = server.socket_count()

    def come_and_go():
        count = 0
        while not stop.is_set():
            # One of each kind, that has read nothing of what is on its way to it.
            connections = [subscribed(server, keys), streaming(server, keys)]
            time.sleep(0.005)
            for connection in connections:
                reset(connection)
            count += 1
        return count

    with harness.Subscriber(server, ("t", reader)) as subscriber, concurrent.futures.ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(come_and_go) for _ in range(4)]
        try:
            with harness.Publisher(server, writer) as publisher:
                publisher.many("t", messages)
        finally:
            stop.set()
        assert all(run.result() > 0 for run in runs)
        subscriber.expect(*messages)
        subscriber.settle()
    harness.until(lambda: server.socket_count() <= before, "the server lets go of its sockets")


CROWD = """
import socket, sys, time
port, token, upgrade = int(sys.argv[1]), sys.argv[2].encode(), bytes.fromhex(sys.argv[3])
held = []
for number in range(1000):
    connection = socket.create_connection(("127.0.0.1", port))
    held.append(connection)
    if number % 4 == 0:
        continue
    if number % 4 == 1:
        connection.sendall(b"GET /health HTTP/1.1\\r\\nHo")
    elif number % 4 == 2:
        connection.sendall(b"GET /events?topic=t&token=" + token + b" HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
        connection.recv(1)
    else:
        connection.sendall(upgrade)
        connection.recv(1)
print("ready", flush=True)
time.sleep(600)
"""


def test_a_thousand_clients_that_are_killed_leave_nothing(make_server, keys):
    server = make_server("--max-connections", 2_000)
    before = descriptor_count(server)
    for _ in range(2):
        upgrade = UPGRADE + frame("/subscribe t " + harness.mint(keys, ["t"]))
        crowd = subprocess.Popen([sys.executable, "-c", CROWD, str(server.port), harness.mint(keys, ["t"]), upgrade.hex()],
                                 stdout=subprocess.PIPE)
        try:
            assert crowd.stdout.readline() == b"ready\n"
            harness.until(lambda: descriptor_count(server) >= before + 1_000, "the server has accepted all")
        finally:
            crowd.kill()
            crowd.wait()
        harness.until(lambda: descriptor_count(server) <= before, "the server lets go of its descriptors")
        serves(server, keys)


# MARK: The end of the server

def test_sigterm_in_a_storm_loses_no_message_that_was_answered(make_server, keys):
    server = make_server("--drain-timeout", "5s")
    writer, reader = harness.mint(keys, ["t"], "broadcast"), harness.mint(keys, ["t"])
    ends = (OSError, AssertionError, harness.http.client.HTTPException, json.JSONDecodeError,
            harness.websockets.exceptions.WebSocketException)
    stop, ready = threading.Event(), threading.Barrier(17)
    answered = []

    def publish():
        with contextlib.suppress(*ends), harness.Publisher(server, writer) as publisher:
            ready.wait()
            while True:
                answered.append(harness.number(publisher("t", "m")))

    def read():
        numbers = []
        client = harness.Envelopes(server)
        client.subscribe("t", reader)
        ready.wait()
        with contextlib.suppress(*ends):
            while True:
                numbers.append(harness.number(client.receive()["cursor"]))
        close = client.socket.protocol.close_rcvd
        with contextlib.suppress(*ends):
            client.close()
        return numbers, close

    def come_and_go():
        ready.wait()
        while not stop.is_set():
            with contextlib.suppress(*ends), harness.Envelopes(server) as client:
                client.subscribe("t", reader)

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        readers = [pool.submit(read) for _ in range(8)]
        others = [pool.submit(work) for work in [publish] * 4 + [come_and_go] * 4]
        ready.wait()
        harness.until(lambda: len(answered) > 500, "the storm is under way")
        server.terminate()
        began = time.monotonic()
        server.wait()  # Exit status 0.
        assert time.monotonic() - began < harness.PATIENCE
        stop.set()
        for other in others:
            other.result()
    for run in readers:
        numbers, close = run.result()
        # Without a hole, from the first to the last that any publisher was answered, and told to come back.
        assert numbers == list(range(1, len(numbers) + 1)) and len(numbers) >= max(answered)
        assert close.code == 1001 and close.reason.startswith("reconnect in ")


# MARK: The log

@contextlib.contextmanager
def server_with(home, keys, *arguments, **options):
    """A server whose log nobody reads: what it listens on is chosen for it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [harness.binary(), "serve", "--port", str(port), "--public-key", keys.public, *arguments],
        env=harness.clean_environment(home), cwd=home, **{"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, **options})

    handle = types.SimpleNamespace(port=port, pid=process.pid, socket_url=f"ws://127.0.0.1:{port}/ws")

    def is_up():
        assert process.poll() is None, f"it ended with {process.returncode}"
        with contextlib.suppress(OSError):
            return harness.request(handle, "GET", "/health").status == 200

    try:
        harness.until(is_up, "it serves")
        yield handle
        process.send_signal(signal.SIGTERM)
        assert process.wait(harness.PATIENCE) == 0
    finally:
        process.kill()
        process.wait()


def keeps_serving(server, keys):
    """Has one of the event loops log something, and then serves."""
    soft, hard = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (descriptor_count(server), hard))
    with connect(server) as late:
        time.sleep(0.2)  # For the server to find that it cannot accept, and to log that.
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (soft, hard))
        late.sendall(HEALTH)
        assert b"200 OK" in answer(late)
    serves(server, keys)


def test_a_full_disk_for_the_log_does_not_stop_it(keys, tmp_path):
    with open("/dev/full", "wb") as full, server_with(tmp_path, keys, stderr=full) as server:
        keeps_serving(server, keys)


def test_a_log_at_its_size_limit_does_not_stop_it(keys, tmp_path):
    """Writing beyond RLIMIT_FSIZE is a signal too (setrlimit(2)): the threads that log must have it blocked."""
    log = tmp_path / "log"
    with open(log, "wb") as file, server_with(
            tmp_path, keys, stderr=file,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))) as server:
        keeps_serving(server, keys)
    assert log.stat().st_size == 100


def test_a_log_that_nobody_reads_any_more_does_not_stop_it(keys, tmp_path):
    reading, writing = os.pipe()
    with server_with(tmp_path, keys, stderr=writing) as server:
        os.close(writing)
        os.close(reading)
        keeps_serving(server, keys)


def test_closed_standard_streams_do_not_become_sockets(keys, tmp_path):
    """A log line in a client's connection would be the end of it."""
    with server_with(tmp_path, keys, preexec_fn=lambda: [os.close(stream) for stream in (0, 1, 2)],
                     stdin=None, stdout=None, close_fds=True) as server:
        for stream in (0, 1, 2):
            assert os.readlink(f"/proc/{server.pid}/fd/{stream}") == "/dev/null"
        keeps_serving(server, keys)


# MARK: Memory

def test_under_limits_that_fit_its_memory_the_server_refuses_and_lives(make_server, keys):
    """An allocation that fails ends the process: it is the limits that keep it from that."""
    server = make_server("--max-connections", 100, "--max-http-connections", 100, "--max-message-size", "64KiB",
                         "--max-pending", "128KiB", "--history-memory", "4MiB", "--workers", 2)
    serves(server, keys)
    size = int(pathlib.Path(f"/proc/{server.pid}/statm").read_text().split()[0]) * resource.getpagesize()
    _, hard = resource.prlimit(server.pid, resource.RLIMIT_AS)
    resource.prlimit(server.pid, resource.RLIMIT_AS, (size + (128 << 20), hard))
    token, reader = harness.mint(keys, ["t"], "broadcast"), harness.mint(keys, ["t"])
    with contextlib.ExitStack() as stack, harness.Publisher(server, token) as publisher:
        publisher("t", "first")
        for _ in range(50):  # They read nothing from now on.
            stuck = stack.enter_context(connect(server))
            stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stuck.sendall(UPGRADE + frame(f"/subscribe t {reader}") + frame("/?"))
            harness.until(lambda: b"Unknown" in stuck.recv(4096), "it is subscribed")
        refused = 0
        for _ in range(150):  # Bodies whose end does not come, from more clients than may be.
            crowd = stack.enter_context(connect(server))
            crowd.settimeout(0.05)
            try:
                crowd.sendall(publish_request(token, "x" * 60_000)[:-10])
                answer = crowd.recv(1000)
                refused += not answer or b" 429 " in answer  # Of many that are refused, a few are told so.
            except TimeoutError:
                pass
            except ConnectionError:
                refused += 1
        assert refused >= 90
        for _ in range(1_000):  # 60 MB.
            publisher("t", "y" * 60_000)
        publisher.connection.request("POST", "/broadcast", b"z" * 10_000_000, publisher.headers)
        assert publisher.connection.getresponse().status == 413
        harness.until(lambda: "slow consumer" in server.output, "who reads nothing is closed")
    serves(server, keys)


def test_a_large_message_that_many_wait_for_is_in_memory_once(either_server, keys):
    """What a socket does not take is not copied for it, nor encrypted before its turn."""
    server, dial = either_server
    token, text = harness.mint(keys, ["t"]), "x" * 1_900_000
    with contextlib.ExitStack() as stack:
        readers = [stack.enter_context(dial(server)) for _ in range(100)]
        for reader in readers:
            reader.sendall(UPGRADE)
            assert b" 101 " in answer(reader)
            reader.sendall(frame(f"/subscribe t {token}") + frame("/?"))
            assert b"Unknown" in reader.recv(4096)
        before = server.resident_bytes()
        publisher = stack.enter_context(dial(server))
        publisher.sendall(publish_request(harness.mint(keys, ["t"], "broadcast"), text))
        assert b"200 OK" in answer(publisher)
        for reader in readers:
            got = bytearray()
            while len(got) < 10 + len(text):
                got += reader.recv(1 << 20)
            assert got == b"\x81\x7f" + struct.pack("!Q", len(text)) + text.encode()
        grown = server.resident_bytes("VmHWM") - before
        assert grown < 64 << 20, f"{grown:,} bytes"


# MARK: Ports

NO_PORTS = """
ip link set lo up && echo "50000 50029" > /proc/sys/net/ipv4/ip_local_port_range || exit 77
"$1" serve --port 8080 --public-key "$3" & server=$!
until "$1" publish t m --url http://127.0.0.1:8080 --key "$2" --quiet 2> last; do sleep 0.2; done
"$1" bench connect --connections 40 --url http://127.0.0.1:8080 --key "$2" --json > bench.json
"$4" -c '
import socket, subprocess, sys
held = []
try:
    while True:
        held.append(socket.create_connection(("127.0.0.1", 8080)))
except OSError:
    sys.exit(subprocess.run(sys.argv[1:]).returncode)
' "$1" publish t m --url http://127.0.0.1:8080 --key "$2" --timeout 2s --retry 0 2> publish.txt
echo $? > status
kill $server && wait $server
"""


def test_without_free_ports_a_client_says_so(binary, keys, tmp_path):
    """In a network of its own that has thirty of them."""
    probe = subprocess.run(["unshare", "--net", "true"], capture_output=True)
    if probe.returncode:
        pytest.skip("no network namespace may be made here")
    done = subprocess.run(
        ["unshare", "--net", "bash", "-c", NO_PORTS, "bash", binary, keys.private, keys.public, sys.executable],
        cwd=tmp_path, env=harness.clean_environment(tmp_path), timeout=harness.PATIENCE, capture_output=True)
    if done.returncode == 77:
        pytest.skip("the range of ports cannot be set here")
    assert done.returncode == 0, done.stderr
    said = "cannot reach http://127.0.0.1:8080: Cannot assign requested address"
    assert (tmp_path / "publish.txt").read_text() == f"notiflux: {said}\n"
    assert (tmp_path / "status").read_text() == "4\n"
    connections = json.loads((tmp_path / "bench.json").read_text())["connections"]
    assert connections["subscribed"] <= 30 and set(connections["failures"]) == {said}
