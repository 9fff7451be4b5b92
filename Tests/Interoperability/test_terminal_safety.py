"""What strangers send can be read on a terminal, and never drives it: messages, a server's words, lines of the log."""

import contextlib
import http.server
import json
import os
import subprocess
import threading

import pytest

import harness

# Erases the screen, retitles the window, and begins a sequence with the one character that means ESC [ (ECMA-48 §5.4).
HOSTILE = "\x1b[2J\x1b]0;owned\x07\u009b31m\x7f\u202e"
# A member's name in JSON, where DEL and what follows it in Unicode may stand as they are.
NAME = '"\u009b31m\x7fowned\u2028"'.encode()
SHOWN = "\\x1b[2J\\x1b]0;owned\\x07\\x9b31m\\x7f\\u{202e}"


def assert_harmless(text):
    for character in HOSTILE:
        assert character.isprintable() or character not in text, text


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["text", "json"])
def test_messages_on_a_terminal_where_nobody_types(binary, server, keys, tmp_path, options):
    master, slave = os.openpty()
    listener = subprocess.Popen(
        [binary, "listen", "hostile", "--url", server.url, "--key", keys.private, "--count", "1", *options],
        stdin=subprocess.DEVNULL, stdout=slave, stderr=subprocess.PIPE, env=harness.clean_environment(tmp_path))
    os.close(slave)
    assert b"subscribed to hostile" in listener.stderr.readline()
    assert harness.publish(server, harness.mint(keys, ["hostile"], "broadcast"), "hostile", HOSTILE).status == 200
    shown = b""
    with contextlib.suppress(OSError):  # EIO is the end of a terminal
        while more := os.read(master, 4096):
            shown += more
    os.close(master)
    listener.stderr.close()
    assert listener.wait(harness.PATIENCE) == 0
    assert_harmless(shown.decode())
    assert "owned" in shown.decode()
    if not options:
        assert shown.decode() == SHOWN + "\r\n"


class HostileServer(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps({"error": HOSTILE, "code": "bad_request"}).encode()
        self.send_response(400)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.mark.parametrize("arguments", [["message"], ["--lines"]], ids=["one", "lines"])
def test_the_words_of_a_server(cli, keys, arguments):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), HostileServer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        done = cli(
            "publish", "news", *arguments, "--url", f"http://127.0.0.1:{server.server_port}", "--key", keys.private,
            stdin="a line\n")
        server.shutdown()
    assert done.returncode == 1
    assert "owned" in done.stderr.decode()
    assert_harmless(done.stderr.decode())


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_line_of_the_log_with_a_part_of_a_request(make_server, form):
    server = make_server("--log-format", form)
    # The refusal names the member that is there twice.
    answer = harness.request(
        server, "POST", "/broadcast", b"{%b:1,%b:2}" % (NAME, NAME),
        {"Content-Type": "application/json"})
    assert (answer.status, answer.code) == (400, "bad_request")
    harness.until(lambda: "publish refused" in server.output, "the line in the log")
    line = next(line for line in server.output.split("\n") if "publish refused" in line)
    assert "owned" in line and "\\u009b31m" in line and "\\u007f" in line and "\\u2028" in line
    assert_harmless(line)
