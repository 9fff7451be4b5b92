"""What a service manager hears of the server (sd_notify(3)), as systemd would hear it: on a datagram socket."""

import os
import pathlib
import re
import select
import signal
import socket
import subprocess
import time

import pytest

import harness


UPGRADE = (b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
           b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")


class Manager:
    """The socket that NOTIFY_SOCKET names, and what came in on it."""

    def __init__(self, address, name):
        self.name = name
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.settimeout(harness.PATIENCE)

    def receive(self):
        """The next news: its variables."""
        return dict(line.split("=", 1) for line in self.socket.recv(4096).decode().split("\n"))

    def next_but_pings(self):
        while (news := self.receive()) == {"WATCHDOG": "1"}:
            pass
        return news

    def drain(self):
        while select.select([self.socket], [], [], 0)[0]:
            self.receive()

    def is_silent(self, seconds):
        return not select.select([self.socket], [], [], seconds)[0]


@pytest.fixture
def manager(tmp_path):
    path = str(tmp_path / "notify")
    manager = Manager(path, path)
    yield manager
    manager.socket.close()


def is_stopped(server):
    return "State:\tT" in pathlib.Path(f"/proc/{server.pid}/status").read_text()


@pytest.mark.parametrize("is_journal", [True, False])
def test_lines_to_the_journal_begin_with_their_priority(is_journal, tmp_path):
    log, revoked = tmp_path / "log", tmp_path / "revoked"
    revoked.write_text("")
    with log.open("wb") as error:
        status = os.fstat(error.fileno())
        stream = f"{status.st_dev}:{status.st_ino + (0 if is_journal else 1)}"
        server = subprocess.Popen(
            [harness.binary(), "serve", "--dev", "--port", "0", "--revoked", revoked], cwd=tmp_path, stderr=error,
            stdout=subprocess.DEVNULL, env=harness.clean_environment(tmp_path, JOURNAL_STREAM=stream))
    try:
        harness.until(lambda: "listening" in log.read_text(), "the server")
        revoked.write_text("nonsense\n")
        server.send_signal(signal.SIGHUP)
        harness.until(lambda: "kept" in log.read_text(), "a reload")
    finally:
        server.terminate()
        server.wait()
    listening, kept, *_ = log.read_text().splitlines()
    assert (listening[:3], kept[:3]) == (("<6>", "<3>") if is_journal else ("202", "202"))


def test_it_hears_when_the_server_listens(manager, make_server):
    server = make_server(NOTIFY_SOCKET=manager.name)
    assert manager.receive() == {"READY": "1", "STATUS": f"listening on {server.url}"}


def test_a_name_of_the_abstract_namespace_does_as_well(make_server):
    name = f"notiflux-{os.getpid()}-{time.monotonic_ns()}"
    manager = Manager("\0" + name, "@" + name)
    make_server(NOTIFY_SOCKET=manager.name)
    assert manager.receive()["READY"] == "1"
    manager.socket.close()


def test_a_watchdog_is_fed_as_long_as_the_server_runs(manager, make_server):
    server = make_server(NOTIFY_SOCKET=manager.name, WATCHDOG_USEC=200_000)
    assert manager.receive()["READY"] == "1"
    for _ in range(3):
        assert manager.receive() == {"WATCHDOG": "1"}
    os.kill(server.pid, signal.SIGSTOP)
    harness.until(lambda: is_stopped(server), "the server stops")
    manager.drain()
    assert manager.is_silent(1)
    os.kill(server.pid, signal.SIGCONT)
    assert manager.receive() == {"WATCHDOG": "1"}


def test_a_reload_begins_and_ends(manager, make_server):
    server = make_server(NOTIFY_SOCKET=manager.name)
    manager.receive()
    before = time.monotonic_ns() // 1000
    os.kill(server.pid, signal.SIGHUP)
    news = manager.receive()
    assert news.keys() == {"RELOADING", "MONOTONIC_USEC"} and news["RELOADING"] == "1"
    assert before <= int(news["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
    assert manager.receive() == {"READY": "1"}
    harness.until(lambda: "keys, certificates and revocations reloaded" in server.output, "a reload in the log")


def test_an_end_is_announced_with_the_time_it_may_take(manager, make_server):
    server = make_server("--drain-timeout", "60s", NOTIFY_SOCKET=manager.name, WATCHDOG_USEC=200_000)
    assert manager.receive()["READY"] == "1"
    server.terminate()
    assert manager.next_but_pings() == {
        "STOPPING": "1", "STATUS": "draining 0 connections", "EXTEND_TIMEOUT_USEC": "70000000"}
    server.wait()


def test_a_drain_feeds_the_watchdog_too(manager, make_server):
    server = make_server("--drain-timeout", "60s", NOTIFY_SOCKET=manager.name, WATCHDOG_USEC=200_000)
    # A client that does not leave when it is told to.
    with socket.create_connection(("127.0.0.1", server.port), timeout=harness.PATIENCE) as client:
        client.sendall(UPGRADE)
        assert client.recv(4096).startswith(b"HTTP/1.1 101 ")
        server.terminate()
        while "STOPPING" not in manager.receive():
            pass
        for _ in range(3):
            assert manager.receive() == {"WATCHDOG": "1"}
    server.wait()


def test_a_manager_that_cannot_be_reached_is_a_warning_and_no_more(make_server, keys, tmp_path):
    server = make_server(NOTIFY_SOCKET=tmp_path / "nobody", WATCHDOG_USEC=200_000)
    harness.until(lambda: "the service manager cannot be told" in server.output, "a warning")
    assert re.search(r"warning the service manager cannot be told news=ready reason=", server.output)
    assert harness.publish(server, harness.mint(keys, ["t"], "broadcast"), "t", "m").status == 200
