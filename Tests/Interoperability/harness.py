"""How the suite runs notiflux and talks to it: the binary, a server, keys, tokens, plain HTTP."""

import contextlib
import dataclasses
import http.client
import json
import os
import pathlib
import queue
import random
import re
import resource
import signal
import socket
import subprocess
import threading
import time
import urllib.parse

import jwt
import websockets.sync.client

ROOT = pathlib.Path(__file__).resolve().parents[2]
ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)")
CURSOR = re.compile(r"[A-Za-z0-9_-]{1,32}:\d+")
CURSOR_BEARERS = ("welcome", "subscribed", "message", "caught-up")

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
    """A `notiflux serve` of its own on a free port, or on `listener`, a socket that it is handed over. Ends by SIGTERM, and
    must end well. It logs all there is to log, and nothing of that may be a token, a key or a message."""

    def __init__(self, home, *arguments, listener=None, **variables):
        home.mkdir(parents=True, exist_ok=True)
        command = [binary(), "serve", *map(str, arguments)]
        if listener:  # As systemd does it: the socket is descriptor 3, and meant for this process.
            command = ["bash", "-c", f'LISTEN_PID=$$ exec "$0" "$@" 3<&{listener.fileno()}', *command]
            variables["LISTEN_FDS"] = 1
        self.process = subprocess.Popen(
            command,
            pass_fds=[listener.fileno()] if listener else [],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=home,
            env=clean_environment(home, **{"PORT": "0", "NOTIFLUX_LOG_LEVEL": "trace", **variables}),
        )
        self.log = []
        self._errors = []
        self.messages = set()
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
            if stream is self.process.stderr:
                self._errors.append(text)
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
        self.expect_no_secrets()

    def expect_no_secrets(self):
        """Every token begins with a JSON object in base64url. Messages of a word or two may be in the log by chance."""
        log = "".join(self._errors)
        for secret in ("eyJ", "-----BEGIN", *(message for message in self.messages if len(message) >= 16)):
            assert secret not in log, f"a secret is in the log: {secret[:40]}"

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

    def resident_bytes(self, figure="VmRSS"):
        """As they are; with `VmHWM` the most there ever were (proc_pid_status(5))."""
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(f"{figure}:"):
                return int(line.split()[1]) * 1024
        raise AssertionError(f"no {figure}")

    def page_faults(self):
        """Pages the kernel had to give it since it began: what it allocated, freed and allocated again counts twice where
        freed memory goes back to the system (proc_pid_stat(5), minflt)."""
        return int(pathlib.Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[7])

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
    if isinstance(message, str):
        getattr(server, "messages", set()).add(message)
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


def free_port():
    """A port that nobody has, and that the kernel gives to no client meanwhile: those begin at 32768."""
    while True:
        port = random.randrange(20_000, 32_000)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def until(condition, what):
    """Waits for something that nobody announces."""
    deadline = time.monotonic() + PATIENCE
    while not (value := condition()):
        assert time.monotonic() < deadline, f"in vain: {what}"
        time.sleep(0.02)
    return value


class Publisher:
    """Publishes over one kept-alive connection, as fast as the answers come."""

    def __init__(self, server, token):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        self.headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}

    def __call__(self, topic, message, **members):
        """The cursor of the message."""
        body = json.dumps({"topic": topic, "message": message, **members}).encode()
        self.connection.request("POST", "/broadcast", body, self.headers)
        response = self.connection.getresponse()
        answer = response.read()
        assert response.status == 200, answer
        return json.loads(answer)["cursor"]

    def many(self, topic, messages):
        """The cursors of several messages."""
        return [self(topic, message) for message in messages]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()


def number(cursor):
    """The sequence number in a cursor; the cursor must look like one."""
    assert CURSOR.fullmatch(cursor), cursor
    return int(cursor.rsplit(":", 1)[1])


def epoch(cursor):
    assert CURSOR.fullmatch(cursor), cursor
    return cursor.rsplit(":", 1)[0]


def envelope(text):
    """One envelope; it must have what the protocol promises for its type."""
    value = json.loads(text)
    kind = value["type"]
    for member in {"gap": ("from", "to")}.get(kind, ("cursor",) if kind in CURSOR_BEARERS else ()):
        assert CURSOR.fullmatch(value[member]), value
    if kind in ("message", "gap"):
        assert isinstance(value["topic"], str) and value["topic"]
    if kind == "message":
        assert isinstance(value["data"], str)
    if kind in ("subscribed", "caught-up"):
        assert ("topic" in value) != ("topics" in value), value
    if kind == "error":
        assert isinstance(value["message"], str) and value["message"] and "\n" not in value["message"], value
        assert re.fullmatch("[a-z_]+", value["code"])
    return value


class Reader:
    """What all readers of envelopes share, whatever the transport: `receive` gives the next envelope."""

    def expect(self, *wanted):
        """The next envelopes have at least the given members."""
        for members in wanted:
            got = self.receive()
            assert {name: got.get(name) for name in members} == members, got

    def expect_messages(self, topic, *messages):
        """The next envelopes are messages of the topic; their cursors, which rise."""
        cursors = []
        for message in messages:
            got = self.receive()
            assert (got["type"], got.get("topic"), got.get("data")) == ("message", topic, message), got
            cursors.append(got["cursor"])
        numbers = [number(cursor) for cursor in cursors]
        assert numbers == sorted(set(numbers)), numbers
        return cursors

    def until_caught_up(self):
        """All up to `caught-up`, which comes last."""
        envelopes = [self.receive()]
        while envelopes[-1]["type"] != "caught-up":
            envelopes.append(self.receive())
        return envelopes

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Envelopes(Reader):
    """A client of `notiflux.v1`, by `websockets`. Its welcome has been read."""

    def __init__(self, server, **options):
        self._open = contextlib.ExitStack()
        self.socket = self._open.enter_context(websockets.sync.client.connect(
            server.socket_url, max_size=None, ping_interval=None, open_timeout=PATIENCE,
            subprotocols=["notiflux.v1"], **options))
        assert self.socket.subprotocol == "notiflux.v1"
        self.welcome = self.receive()

    def send(self, **members):
        self.socket.send(json.dumps({name: value for name, value in members.items() if value is not None}))

    def receive(self):
        text = self.socket.recv(timeout=PATIENCE)
        assert isinstance(text, str)
        return envelope(text)

    def ask(self, **members):
        """Sends, and gives the next envelope."""
        self.send(**members)
        return self.receive()

    def subscribe(self, topics, token, since=None, **members):
        """Subscribes to a topic (a string) or several (a list) and gives the `subscribed`."""
        name = "topic" if isinstance(topics, str) else "topics"
        answer = self.ask(type="subscribe", **{name: topics}, token=token, since=since, **members)
        assert (answer["type"], answer.get(name)) == ("subscribed", topics), answer
        return answer

    def settle(self):
        """Nothing is on its way but the answer to this."""
        assert self.ask(type="ping", id="settle") == {"type": "pong", "id": "settle"}

    def close(self):
        self._open.close()


SSE, NDJSON = "text/event-stream", "application/x-ndjson"


def events_path(topics, token=None, since=None):
    query = [("topic", topic) for topic in ([topics] if isinstance(topics, str) else topics)]
    query += [(name, value) for name, value in (("since", since), ("token", token)) if value is not None]
    return "/events?" + urllib.parse.urlencode(query, quote_via=urllib.parse.quote)


class Events(Reader):
    """`GET /events` by http.client, as SSE or NDJSON."""

    def __init__(self, server, topics, token, since=None, form=SSE, **headers):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        named = {"Authorization": f"Bearer {token}", "Accept": form}
        named.update({name.replace("_", "-"): value for name, value in headers.items()})
        self.connection.request("GET", events_path(topics, since=since), headers=named)
        self.response = self.connection.getresponse()
        assert self.response.status == 200, self.response.read()
        assert self.response.headers["Content-Type"].split(";")[0] == form
        self.form = form
        # Where a browser would come back: the id of the last event.
        self.last_id = None

    def line(self):
        line = self.response.readline()
        assert line.endswith(b"\n"), f"the stream ended: {line}"
        return line[:-1].decode()

    def receive(self):
        return self.from_sse() if self.form == SSE else self.from_ndjson()

    def from_ndjson(self):
        while not (line := self.line()):
            pass
        return envelope(line)

    def from_sse(self):
        while True:
            fields = {}
            while line := self.line():
                if line.startswith(":"):
                    continue
                name, _, value = line.partition(":")
                assert name in ("id", "event", "data", "retry") and name not in fields, line
                fields[name] = value.removeprefix(" ")
            if "data" in fields:
                break
        value = envelope(fields["data"])
        # A message has no `event`, so that `onmessage` gets it; all else is named.
        assert fields.get("event") == (None if value["type"] == "message" else value["type"]), fields
        assert CURSOR.fullmatch(fields["id"])
        if "cursor" in value:
            assert fields["id"] == value["cursor"]
        # No step back: what is resumed from here has been delivered up to here.
        if self.last_id is not None and epoch(self.last_id) == epoch(fields["id"]):
            assert number(self.last_id) <= number(fields["id"])
        self.last_id = fields["id"]
        return value

    def close(self):
        self.response.close()
        self.connection.close()


def follow(form, server, topics, token, since=None):
    """A reader of the topics over one of the three transports, at the `subscribed` envelope, which comes first."""
    if form == "websocket":
        reader = Envelopes(server)
        subscribed = reader.subscribe(topics, token, since)
    else:
        reader = Events(server, topics, token, since, form)
        subscribed = reader.receive()
        assert subscribed["type"] == "subscribed", subscribed
    return reader, subscribed


TRANSPORTS = ["websocket", SSE, NDJSON]


def accepting(handle):
    """A listener on a free port of loopback. `handle` gets each connection, one after the other, until it is closed."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            handle(connection)

    threading.Thread(target=accept, daemon=True).start()
    return listener


def nginx_temporary_folders(folder):
    """Directives for an nginx that may write below `folder` only."""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    return "".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)


class CuttingProxy:
    """A TCP proxy in front of a server that cuts its connections when told to, and accepts none while shut."""

    def __init__(self, server):
        self.target = ("127.0.0.1", server.port)
        self.accepted = 0
        self.shut = False
        self.pairs = []
        self.lock = threading.Lock()
        self.listener = accepting(self.take)
        self.port = self.listener.getsockname()[1]

    def take(self, inner):
        with self.lock:
            if self.shut:
                inner.close()
                return
            outer = socket.create_connection(self.target)
            self.accepted += 1
            self.pairs.append((inner, outer))
        for source, sink in ((inner, outer), (outer, inner)):
            threading.Thread(target=self.carry, args=(source, sink), daemon=True).start()

    @staticmethod
    def carry(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def cut(self):
        """Cuts all there are."""
        with self.lock:
            for pair in self.pairs:
                for end in pair:
                    with contextlib.suppress(OSError):
                        end.shutdown(socket.SHUT_RDWR)
                    end.close()
            self.pairs.clear()

    def close(self):
        self.shut = True
        self.listener.close()
        self.cut()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
