#!/usr/bin/env python3
"""Autobahn's test suite against both ends of notiflux: its fuzzing client against Examples/EchoServer, its fuzzing server
against Examples/EchoClient. Prints a table of groups; exit 1 unless every case ran and is OK or INFORMATIONAL.

    autobahn.py [--all] BINARIES WSTEST…    the folder with echo-server and echo-client; the command that runs wstest

Without --all the cases of permessage-deflate (groups 12 and 13) are those with the smaller messages: the suite itself
takes a quarter of an hour for the others.
"""
import collections
import json
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

# How many cases the suite (25.10.1) has in each group.
CASES = {1: 16, 2: 11, 3: 7, 4: 10, 5: 20, 6: 145, 7: 37, 9: 54, 10: 1, 12: 90, 13: 126}
SUBGROUPS = {12: 5, 13: 7}
SMALL = 4
LIMIT = 1500


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def plan(groups, everything):
    """The suite's names for the cases, and how many of each group there are."""
    names, counts = [], {}
    for group in groups:
        if group in SUBGROUPS and not everything:
            chosen = [f"{group}.{part}.{case}" for part in range(1, SUBGROUPS[group] + 1) for case in range(1, SMALL + 1)]
            names += chosen
            counts[group] = len(chosen)
        else:
            names.append(f"{group}.*")
            counts[group] = CASES[group]
    return names, counts


def judge(title, report, expected):
    """Whether every case that was to run did, and passed."""
    (results,) = json.loads((report / "index.json").read_text()).values()
    groups = collections.defaultdict(collections.Counter)
    good = True
    for case, result in sorted(results.items()):
        verdicts = {result["behavior"], result["behaviorClose"]}
        passed = verdicts <= {"OK", "INFORMATIONAL"}
        groups[int(case.split(".")[0])]["passed" if passed else "failed"] += 1
        if not passed:
            good = False
            print(f"{title}: case {case}: {result['behavior']}, closing {result['behaviorClose']}")
    for group, count in expected.items():
        passed, failed = groups[group]["passed"], groups[group]["failed"]
        print(f"{title}  group {group:>2}  {passed:>3} passed  {failed} failed  of {count}")
        good = good and passed == count
    return good


def wait_for(port, process):
    for _ in range(600):
        assert process.poll() is None, f"{process.args[0]} ended with {process.returncode}"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit(f"nothing listens on port {port}")


def test_server(binaries, wstest, folder, everything):
    names, counts = plan([1, 2, 3, 4, 5, 6, 7, 9, 10, 12, 13], everything)
    port = free_port()
    server = subprocess.Popen([binaries / "echo-server", str(port)], stdout=subprocess.DEVNULL)
    try:
        wait_for(port, server)
        specification = {
            "outdir": str(folder / "server"), "servers": [{"agent": "notiflux", "url": f"ws://127.0.0.1:{port}/ws"}],
            "cases": names, "exclude-cases": [], "exclude-agent-cases": {},
        }
        run(wstest, "fuzzingclient", specification, folder)
        assert server.poll() is None, "the echo server has ended"
    finally:
        server.kill()
        server.wait()
    return judge("server", folder / "server", counts)


def test_client(binaries, wstest, folder):
    names, counts = plan([1, 2, 3, 4, 5, 6, 7, 9], True)
    port = free_port()
    specification = folder / "fuzzingserver.json"
    specification.write_text(json.dumps({
        "url": f"ws://127.0.0.1:{port}", "webport": 0, "outdir": str(folder / "client"), "cases": names,
        "exclude-cases": [], "exclude-agent-cases": {},
    }))
    server = subprocess.Popen([*wstest, "-m", "fuzzingserver", "-s", specification], stdout=subprocess.DEVNULL, cwd=folder)
    try:
        wait_for(port, server)
        subprocess.run([binaries / "echo-client", f"http://127.0.0.1:{port}"], check=True, timeout=LIMIT)
    finally:
        server.kill()
        server.wait()
    return judge("client", folder / "client", counts)


def run(wstest, mode, specification, folder):
    path = folder / f"{mode}.json"
    path.write_text(json.dumps(specification))
    subprocess.run([*wstest, "-m", mode, "-s", path], check=True, stdout=subprocess.DEVNULL, timeout=LIMIT, cwd=folder)


def main():
    arguments = sys.argv[1:]
    everything = "--all" in arguments
    binaries, *wstest = [argument for argument in arguments if argument != "--all"]
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        good = [
            test_server(pathlib.Path(binaries).resolve(), wstest, folder, everything),
            test_client(pathlib.Path(binaries).resolve(), wstest, folder),
        ]
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
