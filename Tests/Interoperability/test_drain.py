"""A restart under load: two servers behind one nginx, each with a part of the topics, and one of them is restarted. Its
clients come back by themselves, spread over the drain time, and have every message once."""

import collections
import json
import os
import shutil
import signal
import subprocess
import threading
import time

import pytest

import harness

LISTENERS = 24
MESSAGES_A_SECOND = 50
DRAIN = 6


@pytest.fixture
def parts(make_server, tmp_path):
    """Two servers on fixed ports, the URLs of both behind nginx, /a and /b, and a list of processes that end with it."""
    if shutil.which("nginx") is None:
        pytest.skip("nginx is not installed")
    ports = {name: harness.free_port() for name in "ab"}
    front = harness.free_port()
    locations = "".join(
        f"""location /{name}/ {{ proxy_pass http://127.0.0.1:{port}/; proxy_read_timeout 75s; proxy_buffering off;
        proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $on_upgrade; }}\n"""
        for name, port in ports.items())
    paths = "".join(f"{name}_temp_path {tmp_path}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    user = "user root; " if os.getuid() == 0 else ""
    (tmp_path / "nginx.conf").write_text(
        f"daemon off; {user}pid {tmp_path}/pid; error_log {tmp_path}/error.log; events {{ worker_connections 512; }}\n"
        f"http {{ access_log off; {paths} map $http_upgrade $on_upgrade {{ default upgrade; '' ''; }}\n"
        f"server {{ listen 127.0.0.1:{front};\n{locations}}} }}\n")
    nginx = subprocess.Popen(
        ["nginx", "-p", tmp_path, "-e", tmp_path / "error.log", "-c", tmp_path / "nginx.conf"],
        start_new_session=True)

    def serve(name):
        # The history has to reach back for as long as a drain takes, and some more.
        return make_server("--port", ports[name], "--drain-timeout", f"{DRAIN}s", "--history-size", "10000")

    clients = []
    try:
        yield serve, {name: f"http://127.0.0.1:{front}/{name}" for name in ports}, clients
    finally:
        for client in clients:
            client.kill()
            client.wait()
        os.killpg(nginx.pid, signal.SIGKILL)  # With its workers.
        nginx.wait()


class Listener:
    """A `notiflux listen --json`: what it got, and when it was connected again."""

    def __init__(self, url, token, home):
        self.process = subprocess.Popen(
            [harness.binary(), "listen", "t", "--url", url, "--token", f"@{token}", "--json"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=harness.clean_environment(home), text=True)
        self.messages = []
        self.gaps = []
        self.returned = None
        self.threads = [threading.Thread(target=self._read, daemon=True), threading.Thread(target=self._note, daemon=True)]
        for thread in self.threads:
            thread.start()

    def _read(self):
        for line in self.process.stdout:
            envelope = json.loads(line)
            if envelope["type"] == "message":
                self.messages.append(envelope["data"])
            else:
                # The new server's log is another one: this comes first from it.
                self.gaps.append(envelope)
                self.returned = time.monotonic()

    def _note(self):
        for _ in self.process.stderr:
            pass

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=harness.PATIENCE)
        for thread in self.threads:
            thread.join(harness.PATIENCE)


@pytest.mark.slow
def test_clients_of_a_server_that_is_restarted_behind_nginx_lose_and_double_nothing(parts, keys, tmp_path):
    serve, urls, clients = parts
    servers = {name: serve(name) for name in urls}
    token = tmp_path / "token"
    token.write_text(harness.mint(keys, ["t"]))
    publishing = harness.mint(keys, ["t"], "broadcast")
    listeners = {name: [Listener(urls[name], token, tmp_path) for _ in range(LISTENERS if name == "a" else 3)] for name in urls}
    publishers = {
        name: subprocess.Popen(
            [harness.binary(), "publish", "t", "--lines", "--quiet", "--retry", "100", "--url", urls[name]],
            stdin=subprocess.PIPE, env={**harness.clean_environment(tmp_path), "NOTIFLUX_TOKEN": publishing}, text=True)
        for name in urls}

    clients += [each.process for group in listeners.values() for each in group] + list(publishers.values())

    # Whoever is subscribed has this one; from then on every message counts.
    def all_hear():
        for name, publisher in publishers.items():
            publisher.stdin.write("hello\n")
            publisher.stdin.flush()
        time.sleep(0.1)
        return all("hello" in each.messages for group in listeners.values() for each in group)

    harness.until(all_hear, "all listeners are subscribed")
    end = threading.Event()
    sent = []

    def publish():
        while not end.is_set():
            sent.append(f"message-{len(sent):06}")
            for publisher in publishers.values():
                publisher.stdin.write(sent[-1] + "\n")
                publisher.stdin.flush()
            time.sleep(1 / MESSAGES_A_SECOND)

    publishing_thread = threading.Thread(target=publish, daemon=True)
    publishing_thread.start()
    harness.until(lambda: len(sent) > MESSAGES_A_SECOND, "some messages")
    servers["a"].terminate()
    left = time.monotonic()
    servers["a"].wait()
    servers["a"] = serve("a")
    harness.until(lambda: all(each.returned for each in listeners["a"]), "all listeners are back")
    end.set()
    publishing_thread.join()
    for publisher in publishers.values():
        publisher.stdin.close()
        assert publisher.wait(timeout=harness.PATIENCE) == 0
    everyone = [each for group in listeners.values() for each in group]
    harness.until(lambda: all(sent[-1] in each.messages[-1:] for each in everyone), "the last message")
    for each in everyone:
        each.stop()
        counted = [message for message in each.messages if message != "hello"]
        assert counted == sent, [name for name, count in collections.Counter(counted).items() if count > 1][:5]
    # Nobody but the clients of the server that went has noticed anything.
    assert [len(each.gaps) for each in listeners["b"]] == [0] * 3
    assert [len(each.gaps) for each in listeners["a"]] == [1] * LISTENERS
    # For people (-s): how many came back in which second. What they are told is for DrainScheduleTests.
    print("returned after s:", sorted(collections.Counter(int(each.returned - left) for each in listeners["a"]).items()))
