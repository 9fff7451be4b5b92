#!/usr/bin/env python3
"""Puts the same load on several servers in turn, one worker each, and prints the medians. See README.md."""

import argparse
import base64
import json
import os
import pathlib
import shlex
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
NOTIFLUX = ROOT / ".build" / "release" / "notiflux"


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return str(probe.getsockname()[1])


def start(command, environment, core):
    """The server `command`, on one core, once it accepts connections on $PORT."""
    process = subprocess.Popen(
        shlex.split(command), env=os.environ | environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, preexec_fn=lambda: os.sched_setaffinity(0, {core}))
    for _ in range(500):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", int(environment["PORT"]))) == 0:
                return process
        if process.poll() is not None:
            break
        time.sleep(0.02)
    process.kill()
    sys.exit(f"compare: {command} does not listen on 127.0.0.1:$PORT")


def processor_time(pid):
    """Seconds its threads have run (proc_pid_schedstat, in nanoseconds)."""
    tasks = pathlib.Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def run(command, load, environment, key, cores):
    """One run of the load: rate, server's microseconds each, p50 and p99 in microseconds, and what went wrong."""
    environment = environment | {"PORT": free_port()}
    server = start(command, environment, cores[0])
    try:
        before = processor_time(server.pid)
        done = subprocess.run(
            [NOTIFLUX, "bench", *load, "--json", "--quiet", "--key", key,
             "--url", f"http://127.0.0.1:{environment['PORT']}"],
            capture_output=True, text=True, preexec_fn=lambda: os.sched_setaffinity(0, {cores[1]}))
        used = processor_time(server.pid) - before
    finally:
        server.terminate()
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
    if not done.stdout:
        sys.exit(f"compare: {command}: {done.stderr.strip()}")
    report = json.loads(done.stdout)
    if load[0] == "connect":
        part = report["connections"]
        count, times = part["subscribed"], part["subscribeMicroseconds"]
    else:
        part = report["delivered" if load[0] == "fanout" else "published"]
        count, times = part["total"], part["latencyMicroseconds" if load[0] == "fanout" else "roundTripMicroseconds"]
    wrong = [] if report["passed"] else ["FAILED"]
    wrong += ["the generator may have been the limit"] if report["generator"]["mayHaveBeenTheLimit"] else []
    return (part["perSecond"], used * 1e6 / max(1, count), times["p50"], times["p99"]), wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("servers", nargs="+", metavar="NAME=COMMAND", help="a server that listens on 127.0.0.1:$PORT")
    parser.add_argument("--load", default="fanout --subscribers 1000", help="arguments of notiflux bench [%(default)s]")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    servers = dict(each.split("=", 1) for each in chosen.servers)
    cores = sorted(os.sched_getaffinity(0))
    cores = cores if len(cores) > 1 else cores * 2
    load = shlex.split(chosen.load)
    load += [] if load[0] == "publish" else ["--raw"]
    results = {name: [] for name in servers}
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([NOTIFLUX, "keygen", "--out-dir", folder], check=True, capture_output=True)
        public_key = base64.b64encode(pathlib.Path(folder, "es256_public.pem").read_bytes()).decode()
        environment = {"WORKER_COUNT": "1", "JWT_PUBLIC_KEY_B64": public_key}
        for _ in range(chosen.rounds):
            for name, command in servers.items():
                figures, wrong = run(command, load, environment, pathlib.Path(folder, "es256_private.pem"), cores)
                results[name].append(figures)
                print("{:20}{:12.0f}/s{:9.2f} µs CPU each   p50 {:8.0f} µs   p99 {:8.0f} µs ".format(name, *figures),
                      *wrong, flush=True)
    print(f"\nmedians of {chosen.rounds}: notiflux bench {' '.join(load)}")
    for name, rows in results.items():
        print("{:20}{:12.0f}/s{:9.2f} µs CPU each   p50 {:8.0f} µs   p99 {:8.0f} µs".format(
            name, *map(statistics.median, zip(*rows))))


if __name__ == "__main__":
    main()
