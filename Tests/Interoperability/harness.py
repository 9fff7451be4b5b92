"""How the suite runs notiflux and talks to it: the binary, a server, keys, tokens, plain HTTP."""

import contextlib
import dataclasses
import http.client
import json
import os
import pathlib
import queue
import re
import resource
import signal
import subprocess
import threading
import time

import jwt
import websockets.sync.client

ROOT = pathlib.Path(__file__).resolve().parents[2]
ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)")
CURSOR = re.compile(r"[A-Za-z0-9_-]{1,32}:\d+")

# Far beyond what anything here should take: a test that waits this long has failed.
PATIENCE = 30


def raise_file_limit():
    """Lets this process, and the servers it starts, hold as many connections as the machine allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65536 if hard == resource.RLIM_INFINITY else min(hard, 65536)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def binary():
    """The notiflux to test: NOTIFLUX_BINARY, or what `swift build` makes."""
    path = pathlib.Path(os.environ.get("NOTIFLUX_BINARY", ROOT / ".build" / "debug" / "notiflux")).resolve()
    if not os.access(path, os.X_OK):
        raise FileNotFoundError(f"{path} is not there: run `swift build`, or set NOTIFLUX_BINARY")
    return path


def clean_environment(home, **variables):
    """The environment of a user who has set nothing of ours, with a home of its own."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("NOTIFLUX_", "JWT_", "XDG_", "LC_")) and name not in ("HOST", "PORT", "WORKER_COUNT")
    }
    environment.update(HOME=str(home), LANG="C.UTF-8", TERM="dumb", TZ="UTC")
    environment.update({name: str(value) for name, value in variables.items()})
    return environment


@dataclasses.dataclass(frozen=True)
class Keys:
    """One P-256 key in the forms `openssl` writes it."""

    private: pathlib.Path  # PKCS#8
    sec1: pathlib.Path  # SEC1, with an EC PARAMETERS block in front
    public: pathlib.Path  # SPKI

    @staticmethod
    def make(folder, curve="prime256v1"):
        folder.mkdir(parents=True, exist_ok=True)
        keys = Keys(folder / "pkcs8.pem", folder / "sec1.pem", folder / "public.pem")
        openssl("ecparam", "-name", curve, "-genkey", "-out", keys.sec1)
        openssl("pkcs8", "-topk8", "-nocrypt", "-in", keys.sec1, "-out", keys.private)
        openssl("ec", "-in", keys.sec1, "-pubout", "-out", keys.public)
        return keys


def openssl(*arguments):
    return subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True).stdout


def claims(topics, scope="subscribe", ttl=300, **more):
    """The claims of a good token; `more` replaces any, None leaves one out."""
    values = {"exp": int(time.time()) + ttl, "topics": topics, "scope": scope, **more}
    return {name: value for name, value in values.items() if value is not None}


def mint(keys, topics, scope="subscribe", algorithm="ES256", headers=None, **more):
    """A token made by PyJWT."""
    return jwt.encode(claims(topics, scope, **more), keys.private.read_bytes(), algorithm=algorithm, headers=headers)


class Server:
    """A `notiflux serve` of its own on a free port. Ends by SIGTERM, and must end well."""

    def __init__(self, home, *arguments, **variables):
        home.mkdir(parents=True, exist_ok=True)
        self.process = subprocess.Popen(
            [binary(), "serve", "--port", "0", *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=home,
            env=clean_environment(home, **variables),
        )
        self.log = []
        self._port = queue.Queue()
        self._readers = [threading.Thread(target=self._read, args=(stream,), daemon=True)
                         for stream in (self.process.stderr, self.process.stdout)]
        for reader in self._readers:
            reader.start()
        try:
            self.port = self._port.get(timeout=PATIENCE)
        except queue.Empty:
            self.process.kill()
            raise AssertionError(f"the server did not say where it listens:\n{self.output}") from None

    def _read(self, stream):
        for line in stream:
            text = line.decode("utf-8", "replace")
            self.log.append(text)
            if match := ADDRESS.search(text):
                self._port.put(int(match[1]))

    @property
    def output(self):
        return "".join(self.log)

    @property
    def pid(self):
        return self.process.pid

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def socket_url(self):
        return f"ws://127.0.0.1:{self.port}/ws"

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def wait(self):
        """Waits for the end of a server that was told to go."""
        try:
            code = self.process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"the server did not end after SIGTERM:\n{self.output}") from None
        for reader in self._readers:
            reader.join(PATIENCE)
        assert code == 0, f"the server ended with {code}:\n{self.output}"
        for word in ("Fatal error", "Stack dump", "panic"):
            assert word not in self.output

    def stop(self):
        if self.process.poll() is None:
            self.terminate()
        self.wait()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop()
        else:
            self.process.kill()
            self.process.wait()

    def resident_bytes(self):
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmRSS")

    def socket_count(self):
        count = 0
        for entry in pathlib.Path(f"/proc/{self.pid}/fd").iterdir():
            try:
                count += os.readlink(entry).startswith("socket:")
            except FileNotFoundError:
                pass
        return count


@dataclasses.dataclass(frozen=True)
class Answer:
    status: int
    headers: dict  # names in lower case
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        """The error code; the failure must have the form the contract gives it."""
        answer = self.json
        assert isinstance(answer["error"], str) and answer["error"]
        assert "\n" not in answer["error"]
        return answer["code"]


def request(server, method, path, body=None, headers=None):
    """One request on a connection of its own, by Python's http.client."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
    finally:
        connection.close()


def publish(server, token, topic, message, **members):
    """Publishes as any backend would; the answer, whatever it is."""
    body = {"topic": topic, "message": message, "token": token, **members}
    body = {name: value for name, value in body.items() if value is not None}
    return request(server, "POST", "/broadcast", json.dumps(body).encode(), {"Content-Type": "application/json"})


def sequence(answer):
    """The epoch and the sequence number in the answer to an accepted publish."""
    assert answer.status == 200, answer.body
    cursor = answer.json["cursor"]
    assert CURSOR.fullmatch(cursor), cursor
    epoch, number = cursor.rsplit(":", 1)
    return epoch, int(number)


class Subscriber:
    """A subscriber in text mode, by `websockets`."""

    def __init__(self, server, *subscriptions, **options):
        self._open = contextlib.ExitStack()
        self.socket = self._open.enter_context(websockets.sync.client.connect(
            server.socket_url, max_size=None, ping_interval=None, open_timeout=PATIENCE, **options))
        for topic, token in subscriptions:
            self.socket.send(f"/subscribe {topic} {token}")
        self.settle()

    def settle(self):
        """Waits until the server has handled all that was sent: nothing may have been answered but this."""
        self.socket.send("/?")
        assert self.receive() == "Unknown command"

    def receive(self):
        return self.socket.recv(timeout=PATIENCE)

    def expect(self, *messages):
        for message in messages:
            assert self.receive() == message

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._open.close()


def expect_nothing_but(server, subscriber, keys, topic, sentinel="sentinel"):
    """What was published before it would come before it: the next message the subscriber gets is the sentinel."""
    assert publish(server, mint(keys, [topic], "broadcast"), topic, sentinel).status == 200
    subscriber.expect(sentinel)
    subscriber.settle()


def until(condition, what):
    """Waits for something that nobody announces."""
    deadline = time.monotonic() + PATIENCE
    while not (value := condition()):
        assert time.monotonic() < deadline, f"in vain: {what}"
        time.sleep(0.02)
    return value
