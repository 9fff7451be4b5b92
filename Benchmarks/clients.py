"""The publishers and subscribers that the counted server serves. They wait for everything they have coming."""

import resource
import select
import socket
import struct

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
ADDRESS = "127.0.0.1"
tls = None  # an ssl.SSLContext, where the server speaks TLS


def dial(port):
    connection = socket.create_connection((ADDRESS, port))
    return tls.wrap_socket(connection) if tls else connection


class Publisher:
    """A kept-alive connection that publishes."""

    def __init__(self, port):
        self.socket = dial(port)
        self.socket.settimeout(60)

    def send(self, body):
        head = f"POST /broadcast HTTP/1.1\r\nHost: {ADDRESS}\r\nContent-Type: application/json\r\n"
        self.socket.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())

    def receive(self):
        answer = b""
        while not answer.endswith(b"}"):
            more = self.socket.recv(65536)
            if not more:
                raise ConnectionError("the server closed a publisher's connection")
            answer += more
        if not answer.startswith(b"HTTP/1.1 200 "):
            raise ConnectionError(f"a publish was refused: {answer.decode()}")

    def publish(self, body):
        self.send(body)
        self.receive()


class Subscriber:
    """A WebSocket (RFC 6455), in text mode unless `fields` of the handshake ask for something else."""

    def __init__(self, port, fields=""):
        self.fields = fields
        self.socket = dial(port)
        self.socket.settimeout(60)
        self.input = b""

    def fileno(self):
        return self.socket.fileno()

    def send_handshake(self):
        self.socket.sendall(
            f"GET /ws HTTP/1.1\r\nHost: {ADDRESS}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\nSec-WebSocket-Version: 13\r\n{self.fields}\r\n".encode())

    def receive_handshake(self):
        while b"\r\n\r\n" not in self.input:
            self._receive()
        head, _, self.input = self.input.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101 "):
            raise ConnectionError(f"a subscriber was refused: {head.decode()}")

    def send(self, opcode, payload):
        mask = bytes(4)  # masked by nothing
        size = len(payload)
        length = struct.pack("!B", 0x80 | size) if size < 126 else struct.pack("!BH", 0xFE, size)
        self.socket.sendall(bytes([0x80 | opcode]) + length + mask + payload)

    def subscribe(self, topic, token):
        self.send(TEXT, f"/subscribe {topic} {token}".encode())

    def frames(self):
        """What has come in, at least one frame, as (opcode, payload)."""
        frames = []
        while not frames or self.input:
            while (frame := self._next()) is None:
                self._receive()
            frames.append(frame)
        return frames

    def _next(self):
        if len(self.input) < 2:
            return None
        start, length = 2, self.input[1]
        if length == 126:
            start, length = 4, int.from_bytes(self.input[2:4], "big")
        if length == 127 or len(self.input) < start + length:
            return None
        frame = (self.input[0] & 15, self.input[start : start + length])
        self.input = self.input[start + length :]
        return frame

    def _receive(self):
        more = self.socket.recv(65536)
        if not more:
            raise ConnectionError("the server closed a subscriber's connection")
        self.input += more

    def leave(self):
        """Closes in good order (RFC 6455 §7)."""
        self.send(CLOSE, struct.pack("!H", 1000))
        frames = self.frames()
        if [opcode for opcode, _ in frames] != [CLOSE]:
            raise ConnectionError(f"a subscriber was told {frames}")
        self.socket.recv(1)
        self.socket.close()


class Audience:
    """All who are subscribed to a topic. A context: leaving it closes their connections."""

    BATCH = 64  # connections that are opened at once

    def __init__(self, port, topic, token, count):
        self.members = {}
        self.poll = select.epoll()
        self.was_disturbed = False
        for start in range(0, count, self.BATCH):
            self._open(port, topic, token, min(self.BATCH, count - start))

    def _open(self, port, topic, token, count):
        new = [Subscriber(port) for _ in range(count)]
        for member in new:
            member.send_handshake()
        for member in new:
            member.receive_handshake()
            member.subscribe(topic, token)
            member.send(PING, b"")
        for member in new:
            if member.frames() != [(PONG, b"")]:
                raise ConnectionError("a subscribe was refused")
            self.members[member.fileno()] = member
            self.poll.register(member, select.EPOLLIN)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for member in self.members.values():
            member.socket.close()
        self.poll.close()

    def receive(self, text, times=1):
        """Returns when every member has got `text` so many times."""
        missing = len(self.members) * times
        while missing > 0:
            events = self.poll.poll(60, len(self.members))
            if not events:
                raise TimeoutError(f"{missing} messages did not come")
            for descriptor, _ in events:
                missing -= self._take(self.members[descriptor], text)
        if missing < 0:
            raise ConnectionError(f"{-missing} messages too many")

    def settle(self):
        """Answers pings, which come every 15 s. Returns whether there were any since it was last asked."""
        for descriptor, _ in self.poll.poll(0, max(1, len(self.members))):
            if self._take(self.members[descriptor], None):
                raise ConnectionError("a message came unasked")
        was_disturbed, self.was_disturbed = self.was_disturbed, False
        return was_disturbed

    def _take(self, member, text):
        count = 0
        for opcode, payload in member.frames():
            if opcode == PING:
                self.was_disturbed = True
                member.send(PONG, payload)
            elif (opcode, payload) == (TEXT, text):
                count += 1
            else:
                raise ConnectionError(f"a subscriber was told {payload}")
        return count


def raise_file_limit(needed):
    """Lets this process and the servers it starts hold as many connections as the system allows; returns whether those
    are `needed` or more."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard == resource.RLIM_INFINITY or hard >= needed
