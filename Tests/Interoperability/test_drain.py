"""A server that is told to go: how it takes leave of its clients, and a restart under load. There two servers are behind one
nginx, each with a part of the topics, and one of them is restarted. Its clients come back by themselves, spread over the drain
time, and have every message once."""

import collections
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest
import websockets.exceptions

import chromium
import harness

MESSAGES_A_SECOND = 50
DRAIN = 6


class Front:
    """nginx: below /a/ and /b/ are two servers, on fixed ports, and everything else is the site's."""

    LOCATION = """location {path} {{ proxy_pass http://127.0.0.1:{port}/; proxy_read_timeout 75s; proxy_buffering off;
        proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $on_upgrade; }}\n"""

    def __init__(self, folder, site):
        self.ports = {name: harness.free_port() for name in "ab"}
        self.port = harness.free_port()
        self.log = folder / "access.log"
        self.url = f"http://127.0.0.1:{self.port}"
        self.urls = {name: f"{self.url}/{name}" for name in self.ports}
        places = {f"/{name}/": port for name, port in self.ports.items()} | {"/": site.server.server_port}
        locations = "".join(self.LOCATION.format(path=path, port=port) for path, port in places.items())
        paths = harness.nginx_temporary_folders(folder)
        user = "user root; " if os.getuid() == 0 else ""
        (folder / "nginx.conf").write_text(
            f"daemon off; {user}pid {folder}/pid; error_log {folder}/error.log; events {{ worker_connections 512; }}\n"
            f"http {{ log_format brief '$status $uri'; access_log {self.log} brief; {paths}\n"
            f"map $http_upgrade $on_upgrade {{ default upgrade; '' ''; }} client_max_body_size 0;\n"
            f"server {{ listen 127.0.0.1:{self.port};\n{locations}}} }}\n")
        self.process = subprocess.Popen(
            ["nginx", "-p", folder, "-e", folder / "error.log", "-c", folder / "nginx.conf"], start_new_session=True)

    def has_answered(self, line):
        return line in self.log.read_text().splitlines()

    def close(self):
        os.killpg(self.process.pid, signal.SIGKILL)  # With its workers.
        self.process.wait()


@pytest.fixture
def front(tmp_path, site):
    if shutil.which("nginx") is None:
        pytest.skip("nginx is not installed")
    front = Front(tmp_path, site)
    yield front
    front.close()


class Record:
    """What one client got, and when it was connected again."""

    def __init__(self, kind):
        self.kind = kind
        self.messages = []
        self.gaps = []
        self.returned = None

    def stop(self):
        """Has the client leave; those of a page leave with it."""

    kill = stop

    def take(self, envelope):
        if envelope["type"] == "message":
            self.messages.append(envelope["data"])
            return
        assert envelope["type"] == "gap", envelope
        # The new server's log is another one: this comes first from it.
        self.gaps.append(envelope)
        self.returned = time.monotonic()


class Listener(Record):
    """A `notiflux listen --json`."""

    def __init__(self, url, token, home):
        super().__init__("listener")
        self.process = subprocess.Popen(
            [harness.binary(), "listen", "t", "--url", url, "--json"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, env=harness.clean_environment(home, NOTIFLUX_TOKEN=token), text=True)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        for line in self.process.stdout:
            self.take(json.loads(line))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=harness.PATIENCE)
        self.thread.join(harness.PATIENCE)

    def kill(self):
        self.process.kill()
        self.process.wait()


class Page:
    """A page with several clients, which tells what each of them gets. `socket` and `stream` are those of docs/protocol.md;
    `plain` is an EventSource that is left alone."""

    TEXT = """<!doctype html><script>
%s
const settings = %s, news = [];
const {url, token} = settings;
const clients = {
  socket: (deal) => follow(url.replace("http", "ws") + "/ws", ["t"], () => token, deal),
  stream: (deal) => followEvents(url + "/events", ["t"], () => token, deal),
  plain: (deal) => {
    const events = new EventSource(`${url}/events?topic=t&token=${token}`);
    for (const type of ["message", "gap"]) events.addEventListener(type, (event) => deal(JSON.parse(event.data)));
  },
};
settings.kinds.forEach((kind, index) => clients[kind]((envelope) => news.push([index, envelope])));
const report = async () => {
  if (news.length > 0) await fetch("/report", {method: "POST", body: JSON.stringify(news.splice(0))});
  setTimeout(report, 100);
};
report();
</script>"""

    def __init__(self, site, url, token, kinds):
        text = (harness.ROOT / "docs" / "protocol.md").read_text()
        scripts = re.findall(r"^```js\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
        (script,) = [script for script in scripts if "function follow" in script]
        code, _, _ = script.rpartition("\nfollow(")  # Without the example.
        self.site = site
        self.records = [Record(kind) for kind in kinds]
        site.page = (self.TEXT % (code, json.dumps({"url": url, "token": token, "kinds": kinds}))).encode()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for report in iter(self.site.reports.get, None):
            for index, envelope in report:
                self.records[index].take(envelope)

    def close(self):
        self.site.reports.put(None)


class Load:
    """Publishes every message to both servers, and again until it is accepted."""

    def __init__(self, urls, token, home):
        self.publishers = [
            subprocess.Popen(
                [harness.binary(), "publish", "t", "--lines", "--quiet", "--retry", "100", "--url", url],
                stdin=subprocess.PIPE, env=harness.clean_environment(home, NOTIFLUX_TOKEN=token), text=True)
            for url in urls]
        self.sent = []
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._publish, daemon=True)

    def say(self, message):
        for publisher in self.publishers:
            publisher.stdin.write(message + "\n")
            publisher.stdin.flush()

    def _publish(self):
        with contextlib.suppress(BrokenPipeError):  # Killed.
            while not self._end.wait(1 / MESSAGES_A_SECOND):
                self.sent.append(f"message-{len(self.sent):06}")
                self.say(self.sent[-1])

    def start(self, records):
        """From the first message on, which follows, all of these are subscribed."""
        def all_hear():
            self.say("hello")
            time.sleep(0.1)
            return all("hello" in each.messages for each in records)

        harness.until(all_hear, "all clients are subscribed")
        self._thread.start()
        harness.until(lambda: len(self.sent) > MESSAGES_A_SECOND, "some messages")

    def stop(self):
        self._end.set()
        self._thread.join()
        for publisher in self.publishers:
            publisher.stdin.close()
            assert publisher.wait(timeout=harness.PATIENCE) == 0

    def kill(self):
        self._end.set()
        for publisher in self.publishers:
            publisher.kill()
            publisher.wait()


class Restart:
    """Two servers behind nginx, clients and publishers of both, and a restart of the first. `listener` is a socket that the
    first is handed over, each time."""

    def __init__(self, make_server, front, keys, home, listener=None):
        self.make_server, self.front, self.listener, self.home = make_server, front, listener, home
        self.servers = {name: self.serve(name) for name in front.urls}
        self.token = harness.mint(keys, ["t"])
        self.load = Load(front.urls.values(), harness.mint(keys, ["t"], "broadcast"), home)
        self.leaving = []
        self.staying = self.listen("b", 3)

    def serve(self, name):
        handed = {"listener": self.listener} if self.listener and name == "a" else {}
        # The history has to reach back for as long as a drain takes, and some more.
        return self.make_server(
            "--port", self.front.ports[name], "--drain-timeout", f"{DRAIN}s", "--history-size", "10000", **handed)

    def listen(self, name, count):
        return [Listener(self.front.urls[name], self.token, self.home) for _ in range(count)]

    def run(self, is_away_for_long_enough=lambda: True):
        """Restarts the first server, until all its clients are back and have the last message."""
        everyone = self.leaving + self.staying
        self.load.start(everyone)
        self.servers["a"].terminate()
        left = time.monotonic()
        self.servers["a"].wait()
        harness.until(is_away_for_long_enough, "the server is missed")
        self.servers["a"] = self.serve("a")
        harness.until(lambda: all(each.returned for each in self.leaving), "all clients are back")
        self.load.stop()
        harness.until(lambda: all(self.load.sent[-1] in each.messages[-1:] for each in everyone), "the last message")
        for each in everyone:
            each.stop()
            counted = [message for message in each.messages if message != "hello"]
            doubled = [name for name, count in collections.Counter(counted).items() if count > 1]
            assert counted == self.load.sent, (each.kind, len(counted), len(self.load.sent), doubled[:5])
        # Nobody but the clients of the server that went has noticed anything.
        assert [len(each.gaps) for each in everyone] == [1] * len(self.leaving) + [0] * len(self.staying)
        self.tell(left)

    def tell(self, left):
        """For people (-s): how many came back in which second. What they are told is checked below."""
        returns = collections.defaultdict(collections.Counter)
        for each in self.leaving:
            returns[each.kind][int(each.returned - left)] += 1
        for kind, seconds in returns.items():
            print(f"{kind}: returned after s:", sorted(seconds.items()))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for each in [self.load, *self.leaving, *self.staying]:
            each.kill()


@pytest.mark.slow
def test_clients_of_a_server_that_is_restarted_behind_nginx_lose_and_double_nothing(make_server, front, keys, tmp_path):
    with Restart(make_server, front, keys, tmp_path) as restart:
        restart.leaving += restart.listen("a", 24)
        restart.run()


@contextlib.contextmanager
def page_of(restart, site, profile, kinds):
    """While a browser shows a page with so many clients of each kind."""
    page = Page(site, restart.front.urls["a"], restart.token, [kind for kind, count in kinds.items() for _ in range(count)])
    restart.leaving += page.records
    with contextlib.closing(page), chromium.browsing(restart.front.url, profile):
        yield


@pytest.mark.slow
@chromium.needed
def test_a_page_that_does_as_the_protocol_says_loses_and_doubles_nothing(make_server, front, site, keys, tmp_path):
    """nginx answers 502 while the server is away, after which an EventSource by itself gives up."""
    with (Restart(make_server, front, keys, tmp_path) as restart,
          page_of(restart, site, tmp_path / "profile", {"socket": 12, "stream": 5})):
        restart.leaving += restart.listen("a", 7)
        restart.run(lambda: front.has_answered("502 /a/events") and front.has_answered("502 /a/ws"))


def waiting_connections(port):
    """How many the kernel has accepted and nobody has taken yet."""
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, _, state, queues, *_ = line.split()
        if local.endswith(f":{port:04X}") and state == "0A":  # It listens.
            return int(queues.split(":")[1], 16)
    return 0


@pytest.mark.slow
@chromium.needed
def test_with_a_socket_that_outlives_the_server_an_event_source_needs_no_help(make_server, front, site, keys, tmp_path):
    """Connections wait in the kernel while the server is away, so nginx has nothing to answer 502 for."""
    port = front.ports["a"]
    with (socket.create_server(("127.0.0.1", port), backlog=64) as listener,
          Restart(make_server, front, keys, tmp_path, listener) as restart,
          page_of(restart, site, tmp_path / "profile", {"socket": 3, "plain": 5})):
        # The publisher, the sockets and so at least one EventSource.
        restart.run(lambda: waiting_connections(port) >= 1 + 3 + 1)
        assert not [line for line in front.log.read_text().splitlines() if line.startswith("50") and "/broadcast" not in line]


# MARK: What a server says that goes


def last_retry(reader):
    """The last time that an event stream names before it ends."""
    *_, last, empty = iter(reader.response.readline, b"")
    assert empty == b"\n"
    return int(re.fullmatch(rb"retry: (\d+)\n", last)[1])


def hint(client):
    with pytest.raises(websockets.exceptions.ConnectionClosed) as closed:
        client.receive()
    assert closed.value.rcvd.code == 1001
    return int(re.fullmatch(r"reconnect in (\d+) ms", closed.value.rcvd.reason)[1])


def test_streams_and_sockets_of_all_kinds_are_spread_over_the_drain_time_together(make_server, keys):
    server = make_server("--drain-timeout", f"{DRAIN}s", "--workers", "2")
    token = harness.mint(keys, ["t"])
    with contextlib.ExitStack() as stack:
        streams, sockets = [], []
        for _ in range(8):
            streams.append(stack.enter_context(harness.Events(server, "t", token)))
            streams[-1].expect({"type": "subscribed"})
            sockets.append(stack.enter_context(harness.Envelopes(server)))
            sockets.append(stack.enter_context(harness.Subscriber(server, ("t", token))))
        server.terminate()
        waits = [hint(client) for client in sockets] + [last_retry(stream) for stream in streams]
    assert sorted(waits) == [100, *(1000 * DRAIN * index // 24 for index in range(1, 24))]
    server.wait()


class UnderWay:
    """A request whose head the server has read, and which has a body that is still to come."""

    def __init__(self, server, request_line, body, *fields):
        self.body = body
        self.socket = socket.create_connection(("127.0.0.1", server.port), harness.PATIENCE)
        head = [request_line, "Host: x", f"Content-Length: {len(body)}", "Expect: 100-continue", *fields]
        self.socket.sendall("\r\n".join([*head, "", ""]).encode())
        assert self.socket.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"

    def send(self):
        self.socket.sendall(self.body)

    def answer(self):
        """Its status and JSON. The server closes behind it."""
        with self.socket, self.socket.makefile("rb") as stream:
            head, _, body = stream.read().partition(b"\r\n\r\n")
        return int(head.split()[1]), json.loads(body)


def publish_under_way(server, token, message):
    body = json.dumps({"topic": "t", "message": message, "token": token}).encode()
    return UnderWay(server, "POST /broadcast HTTP/1.1", body, "Content-Type: application/json")


def is_refused(server):
    try:
        socket.create_connection(("127.0.0.1", server.port), harness.PATIENCE).close()
    except ConnectionRefusedError:
        return True
    return False


def test_what_is_under_way_is_answered_and_nothing_new_is_taken(make_server, keys):
    server = make_server("--drain-timeout", "60s")
    # Large, and each with a token of its own: some of them are being worked on when the signal comes.
    publishes = [
        publish_under_way(server, harness.mint(keys, ["t"], "broadcast", jti=f"{number}"), f"{number}" + "x" * 1_000_000)
        for number in range(6)]
    late = publish_under_way(server, harness.mint(keys, ["t"], "broadcast"), "late")
    ready = UnderWay(server, "GET /ready HTTP/1.1", b"x")
    with harness.Envelopes(server) as client:
        client.subscribe("t", harness.mint(keys, ["t"]))
        for publish in publishes:
            publish.send()
        server.terminate()
        harness.until(lambda: is_refused(server), "the server listens no more")
        for request in (ready, late):
            request.send()
            status, answer = request.answer()
            assert (status, answer["code"]) == (503, "draining")
        answers = [publish.answer() for publish in publishes]
        accepted = [answer["cursor"] for status, answer in answers if status == 200]
        assert all(status == 200 or (status, answer["code"]) == (503, "draining") for status, answer in answers)
        print(f"{len(accepted)} of {len(publishes)} accepted")
        # Whoever is subscribed goes last, with everything that was accepted.
        assert sorted(client.receive()["cursor"] for _ in accepted) == sorted(accepted)
        hint(client)
    server.wait()


def test_who_does_not_leave_does_not_hold_a_server_up_for_longer_than_it_may(make_server, keys):
    server = make_server("--drain-timeout", "500ms")
    # By itself the server would have patience with this for a minute, which is more than this test has.
    request = publish_under_way(server, harness.mint(keys, ["t"], "broadcast"), "never sent")
    server.terminate()
    server.wait()
    assert request.socket.recv(4096) == b""
