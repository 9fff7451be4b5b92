#!/usr/bin/env python3
"""Where the time of a publish that reaches few goes, turn by turn of a server's loop: from the kernel's tracepoints, for
several servers in turn. What hides in the noise of a whole run shows here. Needs perf (Debian's linux-perf), and root.
See README.md."""

import argparse
import base64
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True

from compare import NOTIFLUX, free_port, start  # noqa: E402

EVENTS = ["syscalls:sys_exit_epoll_wait", "syscalls:sys_exit_recvfrom", "syscalls:sys_enter_sendto",
          "syscalls:sys_exit_sendto", "syscalls:sys_enter_io_uring_enter", "syscalls:sys_exit_io_uring_enter",
          "sched:sched_switch"]
LINE = re.compile(r"\s*([\d.]+):\s+\w+:(\w+):\s+(.*)")
A_REQUEST = 100  # bytes; pongs are shorter
STEPS = ["wake and read", "work", "send", "rest", "all"]


def load(folder, port, chosen, core):
    """A generator that publishes for longer than is recorded."""
    seconds = chosen.seconds + 8
    return subprocess.Popen(
        [NOTIFLUX, "bench", "fanout", "--raw", "--quiet", "--key", pathlib.Path(folder, "es256_private.pem"),
         "--url", f"http://127.0.0.1:{port}", "--subscribers", str(chosen.subscribers), "--topics", str(chosen.topics),
         "--publishers", "4", "--rate", str(chosen.rate), "--duration", f"{seconds}s"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=lambda: os.sched_setaffinity(0, {core}))


def record(pid, seconds, path):
    command = ["perf", "record", "--quiet", "-m", "4096", "-o", path, "-p", str(pid)]
    for event in EVENTS:
        command += ["-e", event]
    subprocess.run([*command, "--", "sleep", str(seconds)], check=True, capture_output=True)
    return subprocess.run(
        ["perf", "script", "--ns", "-F", "time,event,trace", "-i", path], check=True, capture_output=True, text=True
    ).stdout


class Turn:
    """What the loop does from one sleep to the next; times in microseconds."""

    def __init__(self, time):
        self.woken, self.read, self.requests, self.sent = time, time, 0, []

    def steps(self, end):
        """By the names of STEPS; `None` unless it was that of one publish."""
        if self.requests != 1 or not self.sent:
            return None
        first, last = self.sent[0][0], self.sent[-1][1]
        return dict(zip(STEPS, [self.read - self.woken, first - self.read, last - first, end - last, end - self.woken]))


def turns(script):
    turn, entered = None, 0
    for line in script.splitlines():
        if not (match := LINE.match(line)):
            continue
        time, event, rest = float(match[1]) * 1e6, match[2], match[3]
        if event.startswith("sched"):
            if turn and (steps := turn.steps(time)):
                yield steps
            turn = None
        elif "epoll" in event:
            turn = turn or Turn(time)
        elif turn is None:
            continue
        elif "recvfrom" in event:
            if int(rest, 16) in range(A_REQUEST, 1 << 20):
                turn.requests, turn.read = turn.requests + 1, time
        elif event.startswith("sys_enter"):
            entered = time
        else:
            turn.sent.append((entered, time))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("servers", nargs="+", metavar="NAME=COMMAND", help="a server that listens on 127.0.0.1:$PORT")
    parser.add_argument("--subscribers", type=int, default=10_000)
    parser.add_argument("--topics", type=int, default=1_000)
    parser.add_argument("--rate", type=int, default=1_000, help="messages a second [%(default)s]")
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    cores = cores if len(cores) > 1 else cores * 2
    print(f"{'µs a turn, median (mean)':20}" + "".join(f"{step:>19}" for step in STEPS))
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([NOTIFLUX, "keygen", "--out-dir", folder], check=True, capture_output=True)
        public_key = base64.b64encode(pathlib.Path(folder, "es256_public.pem").read_bytes()).decode()
        for _ in range(chosen.rounds):
            for name, command in (each.split("=", 1) for each in chosen.servers):
                environment = {"WORKER_COUNT": "1", "JWT_PUBLIC_KEY_B64": public_key, "PORT": free_port()}
                server = start(command, environment, cores[0])
                generator = load(folder, environment["PORT"], chosen, cores[1])
                try:
                    time.sleep(5)  # until all have subscribed
                    found = list(turns(record(server.pid, chosen.seconds, f"{folder}/perf.data")))
                finally:
                    for process in (generator, server):
                        process.terminate()
                        process.wait(20)
                if len(found) < 100:
                    sys.exit(f"turns: {name}: {len(found)} turns of one publish are too few; give a lower --rate")
                columns = [[turn[step] for turn in found] for step in STEPS]
                print(f"{name:24}" + "".join(
                    f"{f'{statistics.median(column):.1f} ({statistics.mean(column):.1f})':>19}" for column in columns),
                    flush=True)


if __name__ == "__main__":
    main()
