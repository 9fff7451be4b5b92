"""A notiflux server that is timed: on cores of its own, beside clients that have others."""

import os
import socket
import subprocess
import sys
import time

import clients


class Server:
    """`notiflux serve` with one worker on each of `cores`. A context: leaving it ends the server."""

    def __init__(self, binary, public_key, cores, arguments=()):
        with socket.create_server((clients.ADDRESS, 0)) as probe:
            self.port = probe.getsockname()[1]
        self.process = subprocess.Popen(
            [binary, "serve", "--workers", str(len(cores)), "--port", str(self.port), "--public-key", public_key,
             "--log-level", "error", *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=lambda: os.sched_setaffinity(0, cores))
        for _ in range(500):
            with socket.socket() as probe:
                if probe.connect_ex((clients.ADDRESS, self.port)) == 0:
                    return
            time.sleep(0.02)
        sys.exit("the server does not listen")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
