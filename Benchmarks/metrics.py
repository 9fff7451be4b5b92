"""What is counted: the scenarios, and the metrics that are made of them."""

import collections
import collections.abc
import contextlib
import dataclasses
import itertools
import json
import statistics
import subprocess

import callgrind
import clients

MESSAGE = "".join(itertools.islice(itertools.cycle("notiflux "), 128))
ROUNDS = 5
BURST = 16
RETAINED = 100  # messages a topic, --history-size's default


@dataclasses.dataclass(frozen=True)
class Cost:
    """Of one operation: instructions, calls of malloc and its like, and the cache lines of code it runs through, which is
    nothing that could be shared out."""

    instructions: float
    allocations: float
    code_lines: int | None = None

    def __sub__(self, other):
        return Cost(self.instructions - other.instructions, self.allocations - other.allocations)

    def __mul__(self, factor):
        return Cost(self.instructions * factor, self.allocations * factor)

    def __truediv__(self, divisor):
        return self * (1 / divisor)


NOTHING = Cost(0, 0)


class Tokens:
    """Tokens of a key pair of their own, made by the binary that is measured."""

    def __init__(self, program, folder):
        self.program, self.folder, self.made = program, folder, 0
        self._run("keygen", "--out-dir", folder)

    @property
    def public_key(self):
        return self.folder / "es256_public.pem"

    def make(self, scope, topic):
        self.made += 1
        return self._run("token", scope, topic, "--key", self.folder / "es256_private.pem", "--ttl", "1h",
                         "--subject", f"{self.made:06}").strip()

    def body(self, topic):
        """Of a publish, with a token that no other has."""
        return json.dumps({"topic": topic, "message": MESSAGE, "token": self.make("broadcast", topic)})

    def _run(self, *arguments):
        return subprocess.run([self.program, *arguments], check=True, capture_output=True, text=True).stdout


class Bench:
    """One counted server and the scenarios it is put through. Each returns what one operation of it costs."""

    def __init__(self, server, tokens):
        self.server, self.tokens = server, tokens
        self.own = collections.Counter()  # instructions by symbol, of one operation of what was counted last

    def cost(self, label, operation, count, is_disturbed=lambda: False):
        """Of `operation`, done `count` times a round: the median of the rounds that no ping fell into."""
        for _ in range(max(3, count // 5)):
            operation()
            self.server.rest()
        rounds = []
        for _ in range(8 * ROUNDS):
            is_disturbed()
            self.server.dump()
            for _ in range(count):
                operation()
                self.server.rest()  # the next one would save it a turn of the loop, or not
            counts = self.server.dump(label)
            if not is_disturbed():
                self.own = collections.Counter({symbol: own / count for symbol, own in counts.own.items()})
                rounds.append((Cost(counts.instructions, counts.allocations) / count, counts.code_lines(count)))
            if len(rounds) == ROUNDS:
                break
        if not rounds:
            raise callgrind.Failure(f"{label}: the machine is too slow or too busy, pings fall into every round")
        median = statistics.median
        return Cost(
            median(cost.instructions for cost, _ in rounds), median(cost.allocations for cost, _ in rounds),
            int(median(lines for _, lines in rounds)))

    @contextlib.contextmanager
    def topic(self, name, subscribers):
        """A topic with a full history, its subscribers, and the body of a publish to it."""
        body = self.tokens.body(name)
        publisher = clients.Publisher(self.server.port)
        for _ in range(RETAINED + 1):
            publisher.publish(body)
        token = self.tokens.make("subscribe", name)
        with self.server.uncounted():
            audience = clients.Audience(self.server.port, name, token, subscribers)
        with audience:
            yield body, audience, publisher

    # MARK: Scenarios

    def publish(self):
        with self.topic("publish", 0) as (body, _, publisher):
            return self.cost("publish", lambda: publisher.publish(body), 100)

    def burst(self, label, subscribers, count):
        """Of one burst: so many publishers have their requests there at once."""
        with self.topic(label, subscribers) as (body, audience, first):
            publishers = [first] + [clients.Publisher(self.server.port) for _ in range(BURST - 1)]

            def operation():
                self.server.pause()
                for publisher in publishers:
                    publisher.send(body)
                self.server.go_on()
                for publisher in publishers:
                    publisher.receive()
                audience.receive(MESSAGE.encode(), times=BURST)

            return self.cost(label, operation, count, audience.settle)

    def broadcast(self, label, subscribers, count):
        """Of one publish with all its deliveries."""
        with self.topic(label, subscribers) as (body, audience, publisher):

            def operation():
                publisher.publish(body)
                audience.receive(MESSAGE.encode())

            return self.cost(label, operation, count, audience.settle)

    def connect(self):
        """Of a subscriber that comes, subscribes with a token that is known, and leaves."""
        token = self.tokens.make("subscribe", "connect")
        clients.Audience(self.server.port, "connect", token, 1).__exit__()

        def operation():
            subscriber = clients.Subscriber(self.server.port)
            self.server.rest()
            subscriber.send_handshake()
            subscriber.receive_handshake()
            subscriber.subscribe("connect", token)
            self.server.rest()
            subscriber.leave()

        return self.cost("connect", operation, 30)

    def publish_with_new_tokens(self):
        with self.topic("token_check", 0) as (_, _, publisher):

            def operation():
                publisher.publish(self.tokens.body("token_check"))

            return self.cost("token_check", operation, 30)


@dataclasses.dataclass(frozen=True)
class Metric:
    """What is budgeted: the cost of an operation, less that of its base, shared out."""

    name: str
    unit: str
    operation: collections.abc.Callable[[Bench], Cost]
    base: str = ""  # the metric whose operation is taken off
    share: int = 1  # units in an operation
    uses_ring: bool = False

    def cost(self, operations):
        """Of one, from what the operations cost, by name."""
        operation = operations[self.name]
        return (operation - operations.get(self.base, NOTHING)) / self.share if self.base or self.share > 1 else operation


def delivery(name, subscribers, count, **more):
    return Metric(
        name, "delivery", lambda bench: bench.broadcast(name, subscribers, count), "publish", subscribers, **more)


METRICS = {metric.name: metric for metric in [
    Metric("publish", "publish", Bench.publish),
    Metric("publish_burst", "publish", lambda bench: bench.burst("publish_burst", 0, 20), share=BURST),
    Metric("broadcast_1", "broadcast", lambda bench: bench.broadcast("broadcast_1", 1, 100)),
    delivery("deliver_100", 100, count=30),
    delivery("deliver_10000", 10_000, count=1),
    Metric(
        "deliver_burst", "delivery", lambda bench: bench.burst("deliver_burst", 400, 5), "publish_burst", BURST * 400),
    delivery("deliver_ring", 100, count=30, uses_ring=True),
    Metric("connect", "connection", Bench.connect),
    Metric("token_check", "check", Bench.publish_with_new_tokens, "publish"),
]}


def with_bases(names):
    """The metrics of these names and those they need, each after what it needs."""
    needed = set(names) | {METRICS[name].base for name in names}
    return [metric for metric in METRICS.values() if metric.name in needed]
