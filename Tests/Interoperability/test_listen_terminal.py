"""`notiflux listen`: a session on a pseudo-terminal, and a citizen of a pipe."""

import json
import os
import re
import signal
import subprocess
import termios
import threading

import pexpect
import pytest

import harness

TOPIC = "terminal"
PROMPT = r"> (?:\x1b\[[0-9;?]*[a-zA-Z])*$"
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[=>]")


class Session:
    """A listen session on a pseudo-terminal, wide enough that no line here is wrapped."""

    def __init__(self, home, arguments, term="xterm-256color", **variables):
        home.mkdir(parents=True, exist_ok=True)
        self.home = home
        self.child = pexpect.spawn(
            str(harness.binary()), ["listen", *map(str, arguments)], timeout=harness.PATIENCE, encoding="utf-8",
            dimensions=(30, 1000), cwd=str(home),
            env={**harness.clean_environment(home, **variables), "TERM": term, "INPUTRC": "/dev/null"})
        self.child.delaybeforesend = None

    def is_being_edited(self):
        """Whether the terminal hands over single characters; otherwise it is as a shell leaves it."""
        modes = termios.tcgetattr(self.child.child_fd)[3] & (termios.ICANON | termios.ECHO)
        assert modes in (0, termios.ICANON | termios.ECHO)
        return modes == 0

    def prompt(self):
        self.child.expect(PROMPT)

    def expect(self, text):
        """Waits for text; what came before it."""
        self.child.expect_exact(text)
        return self.child.before

    def type(self, text):
        self.child.send(text)

    def enter(self, text):
        self.child.send(text + "\r")

    def end(self, code=0):
        self.child.expect(pexpect.EOF)
        self.child.close()
        assert (self.child.exitstatus, self.child.signalstatus) == (code, None)

    def history(self):
        """All history files below the home: path and text."""
        return {path: path.read_text() for path in self.home.rglob("*") if path.is_file() and "history" in path.name}

    def kill(self):
        if self.child.isalive():
            self.child.kill(signal.SIGKILL)
        self.child.close()


@pytest.fixture
def session(server, keys, tmp_path):
    sessions = []

    def start(*arguments, home=tmp_path / "home", **options):
        sessions.append(Session(home, [*arguments, "--url", server.url], **options))
        return sessions[-1]

    yield start
    for each in sessions:
        each.kill()


@pytest.fixture
def say(server, keys):
    def say(message, topic=TOPIC):
        assert harness.publish(server, harness.mint(keys, [topic], "broadcast"), topic, message).status == 200

    return say


def ready(session, say, marker="ready"):
    """Until the subscription holds, so that no message is missed."""
    for attempt in range(200):
        say(f"{marker}-{attempt}")
        if session.child.expect_exact([f"{marker}-{attempt}", pexpect.TIMEOUT], timeout=0.1) == 0:
            return
    raise AssertionError("no message arrives")


def test_a_message_appears_above_the_half_typed_line(session, say, keys):
    listening = session(TOPIC, "--key", keys.private)
    listening.prompt()
    ready(listening, say)
    listening.type("/publish half typed")
    listening.expect("half typed")
    say("a message from elsewhere")
    listening.expect("a message from elsewhere")
    # The line is drawn again, as it was.
    after = listening.expect("/publish half typed")
    assert "> " in ESCAPES.sub("", after)
    # The cursor is where it was: what is typed now goes on.
    listening.type("\x01/topics \x0b\r")
    listening.expect(TOPIC)
    listening.enter("/quit")
    listening.end()


def test_messages_cannot_drive_the_terminal(session, say, keys):
    listening = session(TOPIC, "--key", keys.private)
    listening.prompt()
    ready(listening, say)
    say("before\x1b[2J\x1b]0;title\x07\x9b31m\x08after")
    listening.expect("before")
    shown = listening.expect("after")
    for dangerous in ("\x1b[2J", "\x1b]", "\x07", "\x9b", "\x08"):
        assert dangerous not in shown
    listening.type("\x04")
    listening.end()


def test_commands(session, say, keys, server):
    listening = session("--key", keys.private)
    listening.prompt()
    listening.enter("/help")
    listening.expect("/unsubscribe-all")
    listening.enter(f"/subscribe {TOPIC}")
    ready(listening, say)
    listening.enter("/topics")
    listening.expect(TOPIC)
    listening.enter(f"/publish {TOPIC} what I say")
    listening.expect("what I say\r\n")  # the echo
    listening.expect("what I say")  # the message
    listening.enter(f"/unsubscribe {TOPIC}")
    listening.enter("/nonsense")
    listening.expect("/help")
    listening.enter("/quit")
    listening.end()


def test_the_history_file_knows_no_tokens(session, say, keys, tmp_path):
    token = harness.mint(keys, [TOPIC])
    listening = session()
    listening.prompt()
    listening.enter(f"/subscribe {TOPIC} {token}")
    ready(listening, say)
    listening.enter("/topics")
    listening.expect(TOPIC)
    # Within the session the line itself can be recalled and sent again.
    listening.type("\x10\x10")
    listening.expect(token[-20:])
    listening.type("\x03")
    listening.expect("^C")
    listening.enter("/quit")
    listening.end()
    history = listening.history()
    assert len(history) == 1
    (path, text), = history.items()
    assert f"/subscribe {TOPIC}" in text and "/topics" in text
    for part in token.split("."):
        assert part not in text
    assert path.stat().st_mode & 0o777 == 0o600

    # The next session recalls it.
    again = session()
    again.prompt()
    again.type("\x12/subscribe\x05\x0c")  # found, taken, and drawn whole
    again.expect(f"> /subscribe {TOPIC}")
    again.type("\x15\x04")
    again.end()


def test_tab_completes_commands_and_known_topics(session, say, keys):
    listening = session(TOPIC, "--key", keys.private)
    listening.prompt()
    ready(listening, say)
    listening.type("/top\t")
    listening.expect("/topics ")
    listening.type("\x15/un\t")
    listening.expect("subscribe")  # a bell in between says that there is more than one
    listening.type("\x15/unsubscribe termi\t")
    listening.expect(f"/unsubscribe {TOPIC}")
    # No file names.
    (listening.home / "zebra.txt").write_text("")
    listening.type("\x15/unsubscribe zeb\t\t")
    listening.type("!")
    assert "zebra.txt" not in listening.expect("!")
    listening.type("\x15\x04")
    listening.end()


def test_control_c_abandons_the_line_and_control_d_ends(session, keys):
    listening = session("--key", keys.private)
    listening.prompt()
    listening.type("/quit not meant")
    listening.expect("not meant")
    listening.type("\x03")
    listening.expect("^C")
    listening.prompt()
    listening.type("\x03\x03")
    listening.expect("^C")
    listening.prompt()
    assert listening.child.isalive()
    # On a line with text Ctrl-D deletes, it does not end.
    listening.type("xy\x01\x04\x03")
    listening.expect("^C")
    listening.prompt()
    listening.type("\x04")
    listening.end()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signals_end_the_session_and_the_terminal_is_itself_again(session, keys, number):
    listening = session("--key", keys.private)
    listening.prompt()
    listening.type("half a line")
    listening.expect("half a line")
    assert listening.is_being_edited()
    listening.child.kill(number)
    listening.child.expect(pexpect.EOF)
    assert not listening.is_being_edited()
    assert "\x1b[?2004l" in listening.child.before
    listening.child.close()


def test_a_dumb_terminal_gets_no_escape_sequences(session, say, keys):
    listening = session(TOPIC, "--key", keys.private, term="dumb")
    listening.prompt()
    ready(listening, say)
    listening.type("/publish half")
    listening.expect("half")
    say("a message")
    assert "\x1b" not in listening.expect("a message")
    assert "\x1b" not in listening.expect("/publish half")
    listening.type("\x15\x04")
    listening.end()


def test_a_session_survives_a_restart_of_its_server(session, keys, tmp_path):
    first = harness.Server(tmp_path / "one", "--public-key", keys.public, "--drain-timeout", "200ms")
    listening = Session(tmp_path / "home", [TOPIC, "--key", keys.private, "--url", first.url])
    try:
        listening.prompt()
        first.stop()
        environment = harness.clean_environment(tmp_path)
        # The same port again.
        second = subprocess.Popen(
            [harness.binary(), "serve", "--port", str(first.port), "--public-key", keys.public],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
        try:
            def is_up():
                try:
                    return harness.request(first, "GET", "/health").status == 200
                except OSError:
                    return False

            harness.until(is_up, "the server is back")

            def say(message):
                token = harness.mint(keys, [TOPIC], "broadcast")
                assert harness.publish(first, token, TOPIC, message).status == 200

            ready(listening, say, "again")
        finally:
            second.terminate()
            assert second.wait(harness.PATIENCE) == 0
    finally:
        listening.kill()


# Off a terminal.


class Pipe:
    """A listen process with pipes for streams."""

    def __init__(self, server, home, *arguments, stdin=subprocess.DEVNULL):
        self.process = subprocess.Popen(
            [harness.binary(), "listen", *map(str, arguments), "--url", server.url],
            stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=harness.clean_environment(home))
        self.lines = []
        self.has_line = threading.Condition()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            with self.has_line:
                self.lines.append(line)
                self.has_line.notify_all()

    def ready(self, say):
        """Publishes until a message comes through; how many did."""
        for attempt in range(200):
            say(f"ready {attempt}")
            with self.has_line:
                if self.has_line.wait_for(lambda: self.lines, 0.1):
                    return
        raise AssertionError("no message arrives")

    def wait(self):
        code = self.process.wait(harness.PATIENCE)
        self.reader.join(harness.PATIENCE)
        return code, b"".join(self.lines), self.process.stderr.read()


@pytest.fixture
def pipe(server, tmp_path):
    pipes = []

    def start(*arguments, **options):
        pipes.append(Pipe(server, tmp_path, *arguments, **options))
        return pipes[-1]

    yield start
    for each in pipes:
        each.process.kill()
        each.process.wait()


def steadily(say, message):
    """Publishes the message again and again until told to stop."""
    stopped = threading.Event()

    def run():
        while not stopped.wait(0.05):
            say(message)

    threading.Thread(target=run, daemon=True).start()
    return stopped


def test_messages_come_as_lines_and_nothing_else_does(pipe, say, keys):
    listening = pipe(TOPIC, "--key", keys.private)
    listening.ready(say)
    count = len(listening.lines)
    for message in ("plain", 'quotes " \\ ', "Grüße 👋", "\x1b[31mraw in a pipe"):
        say(message)
    with listening.has_line:
        assert listening.has_line.wait_for(lambda: len(listening.lines) >= count + 4, harness.PATIENCE)
    tail = listening.lines[-4:]
    assert [line.decode() for line in tail] == ["plain\n", 'quotes " \\ \n', "Grüße 👋\n", "\x1b[31mraw in a pipe\n"]
    listening.process.terminate()
    _, out, _ = listening.wait()
    assert b">" not in out


def test_count_ends_it(pipe, say, keys):
    listening = pipe(TOPIC, "--key", keys.private, "--count", "3")
    stopped = steadily(say, "counted")
    code, out, _ = listening.wait()
    stopped.set()
    assert (code, out) == (0, b"counted\n" * 3)


def test_the_time_limit_ends_it(pipe, keys):
    listening = pipe(TOPIC, "--key", keys.private, "--timeout", "300ms", "--count", "1")
    code, out, _ = listening.wait()
    assert (code, out) == (5, b"")


def test_json_lines_carry_topic_and_text(pipe, say, keys):
    listening = pipe(TOPIC, "--key", keys.private, "--json", "--count", "2")
    message = 'two\nlines "quoted" 👋'
    stopped = steadily(say, message)
    code, out, _ = listening.wait()
    stopped.set()
    assert code == 0
    for line in out.decode().splitlines():
        envelope = json.loads(line)
        assert (envelope["type"], envelope["data"]) == ("message", message)


def test_a_reader_that_goes_ends_it_quietly(pipe, say, keys, server, tmp_path):
    """As in `notiflux listen news | head -1`."""
    reader, writer = os.pipe()
    process = subprocess.Popen(
        [harness.binary(), "listen", TOPIC, "--key", keys.private, "--url", server.url],
        stdin=subprocess.DEVNULL, stdout=writer, stderr=subprocess.PIPE, env=harness.clean_environment(tmp_path))
    os.close(writer)
    stopped = steadily(say, "for the pipe")
    try:
        assert os.read(reader, 1)
        os.close(reader)
        _, error = process.communicate(timeout=harness.PATIENCE)
    finally:
        stopped.set()
        process.kill()
    assert process.returncode == 0
    assert b"roken pipe" not in error


def test_commands_come_from_standard_input(pipe, say, keys):
    token = harness.mint(keys, [TOPIC])
    listening = pipe("--count", "1", stdin=subprocess.PIPE)
    listening.process.stdin.write(f"/subscribe {TOPIC} {token}\n".encode())
    listening.process.stdin.flush()
    stopped = steadily(say, "as commanded")
    code, out, _ = listening.wait()
    stopped.set()
    assert (code, out) == (0, b"as commanded\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(pipe, say, keys, number):
    listening = pipe(TOPIC, "--key", keys.private)
    listening.ready(say)
    listening.process.send_signal(number)
    code, _, error = listening.wait()
    assert code in (0, 128 + number, -number)
    assert b"Fatal" not in error
