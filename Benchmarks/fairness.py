#!/usr/bin/env python3
"""What one rude client costs the others: the p99 of a well-behaved publisher and its subscriber, quiet and under each
attack, and the ratio of the two. Times are reported, never judged. See README.md."""

import argparse
import json
import os
import pathlib
import select
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True

import clients  # noqa: E402
from pinned import Server  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[1]
NOTIFLUX = ROOT / ".build" / "release" / "notiflux"
CONNECTIONS = 5_000
TOPIC, LOUD = "fair", "loud"


class Pair:
    """A well-behaved publisher and its subscriber: some 200 messages a second, each timed from its publish to its
    arrival, answered or not."""

    def __init__(self, port, tokens):
        self.publisher = clients.Publisher(port)
        self.subscriber = clients.Subscriber(port)
        self.subscriber.send_handshake()
        self.subscriber.receive_handshake()
        self.subscriber.subscribe(TOPIC, tokens("subscribe", TOPIC))
        self.body = json.dumps({"topic": TOPIC, "message": "x" * 128, "token": tokens("broadcast", TOPIC)})
        self.publisher.publish(self.body)
        self.take()

    def take(self):
        while True:
            for opcode, payload in self.subscriber.frames():
                if opcode == clients.PING:
                    self.subscriber.send(clients.PONG, payload)
                elif opcode == clients.TEXT:
                    return

    def measure(self, seconds):
        """Milliseconds of each."""
        go_first()
        times, end = [], time.monotonic() + seconds
        while time.monotonic() < end:
            start = time.perf_counter()
            self.publisher.send(self.body)
            self.take()
            self.publisher.receive()
            times.append((time.perf_counter() - start) * 1e3)
            time.sleep(0.004)
        return times


def go_first():
    """The attack shares the clients' core: what the pair would wait for it there is not what the server makes it wait."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    except PermissionError:
        print("fairness: without real-time priority what the clients make each other wait counts too", file=sys.stderr)


class Attack:
    """Runs in a process of its own until it is killed; says a line when it has begun."""

    def __init__(self, name, port, tokens):
        self.child = os.fork()
        if self.child == 0:
            try:
                ATTACKS[name](port, tokens)
            finally:
                os._exit(0)

    def __enter__(self):
        time.sleep(1.5)
        return self

    def __exit__(self, *_):
        os.kill(self.child, 9)
        os.waitpid(self.child, 0)


def request(body, content_type="application/json"):
    head = f"POST /broadcast HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def repeat(port, data, count=1):
    """The same request on some connections, each again as soon as it is answered; a lost connection is opened anew."""
    def one():
        while True:
            try:
                with clients.dial(port) as connection:
                    while True:
                        connection.sendall(data())
                        answer = b""
                        while not answer.endswith((b"}", b"}\n\r\n0\r\n\r\n")):
                            more = connection.recv(65536)
                            if not more:
                                raise OSError
                            answer += more
            except OSError:
                time.sleep(0.001)

    threads = [threading.Thread(target=one, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    threads[0].join()


def huge_messages(port, tokens):
    body = json.dumps({"topic": LOUD, "message": "x" * ((2 << 20) - 2048), "token": tokens("broadcast", LOUD)})
    data = request(body.encode())
    repeat(port, lambda: data)


def huge_messages_read(fields=""):
    """With readers who keep up, as far as there is processor left for them; a publisher waits for no reader."""
    def attack(port, tokens):
        token = tokens("subscribe", LOUD)
        for _ in range(4):
            reader = clients.Subscriber(port, fields)
            reader.send_handshake()
            reader.receive_handshake()
            if "notiflux.v1" in fields:
                reader.send(clients.TEXT, json.dumps({"type": "subscribe", "topic": LOUD, "token": token}).encode())
            else:
                reader.subscribe(LOUD, token)
            threading.Thread(target=drain, args=(reader.socket,), daemon=True).start()
        huge_messages(port, tokens)
    return attack


def drain(connection):
    room = bytearray(1 << 20)
    while connection.recv_into(room):
        pass


def stopped_readers(port, tokens):
    readers = []
    token = tokens("subscribe", LOUD)
    body = json.dumps({"topic": LOUD, "message": "x" * 16384, "token": tokens("broadcast", LOUD)})
    data = request(body.encode())
    threading.Thread(target=repeat, args=(port, lambda: data), daemon=True).start()
    while True:  # those the server has closed come back
        alive = []
        for reader in readers:
            try:
                alive += [reader] if reader.socket.getpeername() and not hung_up(reader.socket) else []
            except OSError:
                pass
        readers = alive
        while len(readers) < 100:
            reader = clients.Subscriber(port)
            reader.send_handshake()
            reader.receive_handshake()
            reader.subscribe(LOUD, token)
            readers.append(reader)
        time.sleep(0.05)


def hung_up(connection):
    poll = select.poll()
    poll.register(connection, select.POLLRDHUP | select.POLLHUP)
    return bool(poll.poll(0))


def half_open(port, tokens):
    connections = []
    while True:
        while len(connections) < CONNECTIONS:
            connection = clients.dial(port)
            try:
                connection.sendall(b"GET /ws HTTP/1.1\r\nHost: x\r\n")
            except OSError:
                pass
            connections.append(connection)
        connections = [connection for connection in connections if not hung_up(connection)]


def bad_tokens(port, tokens):
    good = tokens("broadcast", TOPIC)
    head, payload, _ = good.split(".")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    state = [0]

    def data():  # a new signature each time, so that no two checks are one
        state[0] += 1
        number, text = state[0], ""
        for _ in range(10):
            number, digit = divmod(number, len(alphabet))
            text += alphabet[digit]
        token = f"{head}.{payload}.{text}{'B' * 75}A"  # r and s within their range: it takes the whole check
        return request(json.dumps({"topic": TOPIC, "message": "x", "token": token}).encode())

    repeat(port, data, 16)


def tiny(text):
    body = text.encode()
    data = request(body)
    return lambda port, tokens: repeat(port, lambda: data)


ATTACKS = {
    "2 MiB messages": huge_messages,
    "the same, read": huge_messages_read(),
    "as envelopes": huge_messages_read("Sec-WebSocket-Protocol: notiflux.v1\r\n"),
    "deflated": huge_messages_read("Sec-WebSocket-Extensions: permessage-deflate\r\n"),
    "stopped readers": stopped_readers,
    "half-open handshakes": half_open,
    "bad tokens": bad_tokens,
    "2 MB of numbers": tiny('{"x":[' + "1," * 990_000 + "1]}"),
    "2 MB of members": tiny("{" + ",".join(f'"{number}":1' for number in range(190_000)) + "}"),
    "2 MB of topics": tiny('{"topics":[' + '"a",' * 490_000 + '"a"]}'),
    "2 MB of escapes": tiny('{"topic":"t","message":"' + "\\u00e9" * 330_000 + '"}'),
}


def trust_itself(folder):
    """What has the server speak TLS; the clients do from now on, whoever vouches for it."""
    certificate, key = f"{folder}/certificate.pem", f"{folder}/key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", "/CN=localhost", "-keyout", key, "-out", certificate],
                   check=True, capture_output=True)
    clients.tls = ssl.create_default_context()
    clients.tls.check_hostname, clients.tls.verify_mode = False, ssl.CERT_NONE
    return ["--tls-certificate", certificate, "--tls-key", key]


def percentile(times, share):
    return sorted(times)[min(len(times) - 1, int(len(times) * share))]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("attacks", nargs="*", help=f"of {', '.join(ATTACKS)}")
    parser.add_argument("--binary", type=pathlib.Path, default=NOTIFLUX)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tls", action="store_true", help="all of them through TLS")
    parser.add_argument("--serve", default="", help="more arguments of notiflux serve")
    chosen = parser.parse_args()
    if unknown := set(chosen.attacks) - set(ATTACKS):
        parser.error(f"there is no attack {unknown.pop()}")
    if not clients.raise_file_limit(2 * CONNECTIONS):
        sys.exit("fairness: too few open files are allowed")
    cores = sorted(os.sched_getaffinity(0))
    cores = cores if len(cores) > 1 else cores * 2
    os.sched_setaffinity(0, {cores[1]})
    results = {name: [] for name in chosen.attacks or ATTACKS}
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([chosen.binary, "keygen", "--out-dir", folder], check=True, capture_output=True)

        serve = chosen.serve.split() + (trust_itself(folder) if chosen.tls else [])

        def tokens(scope, topic):
            command = [chosen.binary, "token", scope, topic, "--ttl", "1h", "--key", f"{folder}/es256_private.pem"]
            return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

        for _ in range(chosen.rounds):
            for name in results:
                with Server(chosen.binary, f"{folder}/es256_public.pem", cores[:1], serve) as server:
                    pair = Pair(server.port, tokens)
                    pair.measure(0.5)
                    quiet = pair.measure(chosen.seconds)
                    with Attack(name, server.port, tokens):
                        times = pair.measure(chosen.seconds)
                    results[name].append([percentile(each, share) for each in (quiet, times) for share in (0.5, 0.99)])
    print(f"{'':22}{'quiet: p50':>12}{'p99':>9}{'attack: p50':>14}{'p99':>9}{'ratio: p50':>13}{'p99':>7}"
          f"   (ms, medians of {chosen.rounds})")
    for name, rows in results.items():
        figures = [statistics.median(row[index] for row in rows) for index in range(4)]
        ratios = [statistics.median(row[2 + index] / row[index] for row in rows) for index in range(2)]
        print("{:22}{:12.3f}{:9.3f}{:14.3f}{:9.3f}{:13.1f}{:7.1f}".format(name, *figures, *ratios))


if __name__ == "__main__":
    main()
