#!/usr/bin/env python3
"""How much more two workers deliver than one, beside what two processes that do nothing but send reach on the machine.

No client runs while the server is timed but the publisher that waits for it: what subscribers get stays in the buffers
of their sockets, and is read and checked afterwards. So both cores are the server's, on a machine that has no others.
See README.md."""

import argparse
import multiprocessing
import os
import pathlib
import socket
import statistics
import sys
import tempfile
import time

sys.dont_write_bytecode = True

import clients  # noqa: E402
from metrics import MESSAGE, Tokens  # noqa: E402
from pinned import Server  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[1]
TOPIC = "workers"
BUFFER = 1 << 20  # of each subscriber's socket; beyond the system's limit for who is root


def widen(socket_):
    socket_.setsockopt(socket.SOL_SOCKET, 33, BUFFER)  # SO_RCVBUFFORCE, socket(7)


def serve(binary, tokens, cores, subscribers, messages):
    """Deliveries a second of a server with a worker on each of `cores`."""
    body, token = tokens.body(TOPIC), tokens.make("subscribe", TOPIC)
    with Server(binary, tokens.public_key, cores) as server:
        with clients.Audience(server.port, TOPIC, token, subscribers) as audience:
            for member in audience.members.values():
                widen(member.socket)
            publisher = clients.Publisher(server.port)
            publisher.publish(body)
            audience.receive(MESSAGE.encode())
            start = time.perf_counter()
            for _ in range(messages):
                publisher.publish(body)
            seconds = time.perf_counter() - start
            audience.receive(MESSAGE.encode(), times=messages)  # every one of them, or it fails
    return subscribers * messages / seconds


def send(cores, sockets, messages):
    """Sends a second of as many processes, each to its share of the sockets."""
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(len(cores) + 1)
    processes = [context.Process(target=sender, args=(core, sockets // len(cores), messages, barrier)) for core in cores]
    for process in processes:
        process.start()
    barrier.wait()
    start = time.perf_counter()
    barrier.wait()
    seconds = time.perf_counter() - start
    for process in processes:
        process.join()
    return sockets * messages / seconds


def sender(core, sockets, messages, barrier):
    os.sched_setaffinity(0, {core})
    payload = MESSAGE.encode() + bytes(4)
    with socket.create_server((clients.ADDRESS, 0), backlog=sockets) as listener:
        readers = [socket.create_connection(listener.getsockname()) for _ in range(sockets)]
        writers = [listener.accept()[0] for _ in range(sockets)]
    for reader, writer in zip(readers, writers):
        widen(reader)
        writer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # a packet each, as the server has it
    barrier.wait()
    for _ in range(messages):
        for writer in writers:
            writer.send(payload)
    barrier.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / ".build" / "release" / "notiflux")
    parser.add_argument("--subscribers", type=int, default=4000)
    parser.add_argument("--messages", type=int, default=120)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) < 2:
        sys.exit("workers: two cores are needed")
    if os.geteuid() != 0:
        sys.exit("workers: only root may give sockets the buffers that are needed")
    clients.raise_file_limit(2 * chosen.subscribers + 300)
    results = {(name, count): [] for name in ("notiflux", "bare send") for count in (1, 2)}
    with tempfile.TemporaryDirectory() as folder:
        tokens = Tokens(chosen.binary, pathlib.Path(folder))
        for _ in range(chosen.rounds):
            for (name, count), rates in results.items():
                rates.append(
                    serve(chosen.binary, tokens, cores[:count], chosen.subscribers, chosen.messages)
                    if name == "notiflux" else send(cores[:count], chosen.subscribers, chosen.messages))
    for name in ("notiflux", "bare send"):
        one, two = (statistics.median(results[name, count]) for count in (1, 2))
        ratios = sorted(two / one for one, two in zip(results[name, 1], results[name, 2]))
        print(f"{name:10} {one:9,.0f}/s with one core, {two:9,.0f}/s with two: {two / one:.2f} x "
              f"({ratios[0]:.2f} to {ratios[-1]:.2f})")


if __name__ == "__main__":
    main()
