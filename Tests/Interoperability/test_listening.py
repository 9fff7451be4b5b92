"""Where a server listens: Unix-domain sockets, sockets that were handed over, and behind proxies that say who the client is."""

import json
import os
import re
import socket
import stat
import subprocess

import pytest

import harness


def http_over(path, request):
    """One request over a Unix-domain socket; the whole answer."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(harness.PATIENCE)
        client.connect(str(path))
        client.sendall(request)
        answer = b""
        while part := client.recv(65536):
            answer += part
        return answer


HEALTH = b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def test_a_unix_domain_socket_and_a_port_serve_the_same_hub(make_server, keys, tmp_path):
    path = tmp_path / "notiflux.sock"
    server = make_server("--listen", "127.0.0.1:0", "--listen", f"unix:{path}", "--socket-mode", "600")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with harness.Subscriber(server, ("t", harness.mint(keys, ["t"]))) as subscriber:
        body = json.dumps({"topic": "t", "message": "m", "token": harness.mint(keys, ["t"], "broadcast")}).encode()
        answer = http_over(
            path, b"POST /broadcast HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        assert answer.startswith(b"HTTP/1.1 200 OK")
        subscriber.expect("m")
    server.stop()
    assert not path.exists()


def test_a_socket_left_by_a_server_that_was_killed_is_taken_over(make_server, tmp_path):
    path = tmp_path / "notiflux.sock"
    arguments = ("--listen", "127.0.0.1:0", "--listen", f"unix:{path}")
    first = make_server(*arguments)
    first.process.kill()
    first.process.wait()
    first.wait = first.stop = lambda: None
    assert path.exists()
    make_server(*arguments)
    assert b"200 OK" in http_over(path, HEALTH)


def test_a_socket_that_is_in_use_is_left_alone(make_server, cli, keys, tmp_path):
    path = tmp_path / "notiflux.sock"
    make_server("--listen", "127.0.0.1:0", "--listen", f"unix:{path}")
    second = cli("serve", "--public-key", keys.public, "--listen", f"unix:{path}")
    assert second.returncode == 1
    assert f"cannot listen on unix:{path}: Address already in use; stop the other program".encode() in second.stderr
    assert b"200 OK" in http_over(path, HEALTH)


@pytest.mark.parametrize(("arguments", "part"), [
    (["--listen", "unix:here"], "has no absolute path behind unix:"),
    (["--listen", "unix:/" + "x" * 120], "has a path of over 107 bytes"),
    (["--listen", "8080"], "has no port"),
    (["--listen", "127.0.0.1:1", "--port", "2"], "--listen is in place of --host and --port"),
    (["--socket-mode", "rw"], "is not three octal digits"),
    (["--socket-mode", "888"], "is not three octal digits"),
    (["--trust-proxy", "10.0.0.1/8"], "bits set behind its prefix"),
    (["--proxy-header", "x-real-ip"], "give x-forwarded-for or forwarded"),
    (["--admin", "9090"], "has no port"),
    (["--dev", "--listen", "0.0.0.0:1"], "is not a loopback address, which --dev is for"),
])
def test_what_will_not_do_is_named_with_what_would(cli, keys, arguments, part):
    result = cli("serve", "--public-key", keys.public, *arguments)
    assert (result.returncode, result.stdout) == (2, b"")
    assert part in result.stderr.decode()


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_sockets_that_are_handed_over_are_listened_on(keys, tmp_path, tls):
    """As systemd does it: descriptors from 3 on, and the process id in LISTEN_PID, which only a program between us and
    the server can know."""
    clients, admin = socket.socket(), socket.socket()
    for each in (clients, admin):
        each.bind(("127.0.0.1", 0))
        each.listen(64)
    launcher = tmp_path / "launch"
    launcher.write_text(
        '#!/usr/bin/env python3\nimport os, sys\n'
        'os.environ["LISTEN_PID"] = str(os.getpid())\nos.execv(sys.argv[1], sys.argv[1:])\n')
    arguments = ["serve", "--public-key", str(keys.public), "--port", "1"]
    if tls:
        harness.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
                        tmp_path / "key.pem", "-out", tmp_path / "cert.pem", "-days", "1", "-subj", "/CN=localhost")
        arguments += ["--tls-certificate", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem")]

    def place():
        # Above both numbers first: one of them may be the other's place.
        copies = [os.dup(os.dup(os.dup(each.fileno()))) for each in (clients, admin)]
        for number, copy in zip((3, 4), copies):
            os.dup2(copy, number)

    process = subprocess.Popen(
        ["python3", str(launcher), str(harness.binary()), *arguments], pass_fds=(3, 4), preexec_fn=place,
        stderr=subprocess.PIPE, env={**harness.clean_environment(tmp_path), "LISTEN_FDS": "2", "LISTEN_FDNAMES": "http:admin"})
    try:
        line = process.stderr.readline().decode()
        scheme = "https" if tls else "http"
        assert f"address={scheme}://127.0.0.1:{clients.getsockname()[1]}" in line
        assert f"admin=http://127.0.0.1:{admin.getsockname()[1]}" in line
        curl = ["curl", "-sS", "--max-time", "20", "--insecure"]
        health = subprocess.run([*curl, f"{scheme}://127.0.0.1:{clients.getsockname()[1]}/health"], capture_output=True)
        assert health.stdout == b'{"status":"ok"}', health.stderr
        metrics = subprocess.run([*curl, f"http://127.0.0.1:{admin.getsockname()[1]}/metrics"], capture_output=True)
        assert b"notiflux_ready 1" in metrics.stdout
    finally:
        process.terminate()
        assert process.wait(timeout=harness.PATIENCE) == 0
        process.stderr.close()
        clients.close()
        admin.close()


# Behind proxies


def held(server, fields, count):
    """So many connections, each with a request of its own that has been answered."""
    sockets = []
    for _ in range(count):
        client = socket.create_connection(("127.0.0.1", server.port), timeout=harness.PATIENCE)
        client.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n" + fields + b"\r\n")
        sockets.append((client, client.recv(65536).split(b"\r\n")[0].decode()))
    return sockets


def test_limits_by_address_go_by_the_client_behind_a_trusted_proxy(make_server):
    server = make_server("--max-connections-per-address", "2", "--trust-proxy", "127.0.0.0/8")
    one = held(server, b"X-Forwarded-For: 203.0.113.1\r\n", 3)
    assert [status for _, status in one] == ["HTTP/1.1 200 OK"] * 2 + ["HTTP/1.1 429 Too Many Requests"]
    # What the client itself said before the proxy is not believed.
    other = held(server, b"X-Forwarded-For: 203.0.113.1, 203.0.113.2\r\n", 2)
    assert [status for _, status in other] == ["HTTP/1.1 200 OK"] * 2
    # The proxy's own requests, such as health checks, count for nobody.
    own = held(server, b"", 4)
    assert [status for _, status in own] == ["HTTP/1.1 200 OK"] * 4
    # A connection that the proxy goes on with for somebody else counts for that one.
    client = one[0][0]
    client.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n")
    assert client.recv(65536).startswith(b"HTTP/1.1 200 OK")
    assert held(server, b"X-Forwarded-For: 203.0.113.1\r\n", 1)[0][1] == "HTTP/1.1 200 OK"
    for client, _ in one + other + own:
        client.close()


def test_who_is_not_trusted_is_not_believed(make_server):
    server = make_server("--max-connections-per-address", "2", "--trust-proxy", "10.0.0.0/8")
    sockets = [held(server, b"X-Forwarded-For: 203.0.113.%d\r\n" % number, 1)[0] for number in range(3)]
    assert [status for _, status in sockets][:2] == ["HTTP/1.1 200 OK"] * 2
    assert sockets[2][1] == "HTTP/1.1 429 Too Many Requests"
    for client, _ in sockets:
        client.close()


@pytest.mark.parametrize(("arguments", "field"), [
    ((), {"X-Forwarded-For": "203.0.113.7", "Forwarded": "for=198.51.100.1"}),
    (("--proxy-header", "forwarded"), {"Forwarded": 'for="203.0.113.7:80"', "X-Forwarded-For": "198.51.100.1"}),
])
def test_the_log_names_the_client_and_its_request(make_server, keys, arguments, field):
    server = make_server("--trust-proxy", "127.0.0.1", "--log-format", "json", *arguments)
    headers = {"Content-Type": "application/json", "X-Request-Id": "order-4711.b", **field}
    body = json.dumps({"topic": "t", "message": "m", "token": harness.mint(keys, ["t"], "broadcast", ttl=-9)})
    assert harness.request(server, "POST", "/broadcast", body, headers).status == 401
    harness.until(lambda: "publish refused" in server.output, "a line in the log")
    line = next(json.loads(line) for line in server.log if "publish refused" in line)
    assert (line["client"], line["code"], line["request"], line["request_id"]) == (
        "203.0.113.7", "token_expired", "1", "order-4711.b")
    assert re.fullmatch(r"\d+-\d+", line["connection"])


def test_a_request_id_that_is_long_or_odd_is_left_out(make_server, keys):
    server = make_server()
    for name in ("a" * 65, "two words", "x\x1b[31m", harness.mint(keys, ["t"])):
        harness.request(server, "POST", "/broadcast", "{}", {"Content-Type": "text/plain", "X-Request-Id": name})
    harness.until(lambda: server.output.count("publish refused") + server.output.count("request refused") == 4, "four lines in the log")
    assert "request_id" not in server.output
