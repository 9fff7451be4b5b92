"""The proxies of deploy/, with the very configurations that are recommended there but for names, ports and files: WebSocket,
event stream and publish through TLS, and the client's address in the log."""

import concurrent.futures
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess

import pytest
import websockets.sync.client

import harness

DEPLOY = pathlib.Path(__file__).parents[2] / "deploy"
HOST = "push.example.com"
# Not the address anything here has by itself.
CLIENT = "127.0.0.5"


def replace(text, *pairs):
    for old, new in pairs:
        assert old in text, f"the configuration has no {old!r} any more"
        text = text.replace(old, new)
    return text


def nginx(folder, upstream, plain, secure):
    text = replace(
        (DEPLOY / "nginx.conf").read_text(), ("127.0.0.1:8080", f"127.0.0.1:{upstream}"),
        ("  listen [::]:80;\n", ""), ("  listen [::]:443 ssl;\n", ""),
        ("listen 80;", f"listen 127.0.0.1:{plain};"), ("listen 443 ssl;", f"listen 127.0.0.1:{secure} ssl;"),
        (f"/etc/letsencrypt/live/{HOST}/fullchain.pem", str(folder / "cert.pem")),
        (f"/etc/letsencrypt/live/{HOST}/privkey.pem", str(folder / "key.pem")),
        ("/var/log/nginx/", f"{folder}/"))
    paths = harness.nginx_temporary_folders(folder)
    (folder / "nginx.conf").write_text(
        f"daemon off; {'user root; ' if os.getuid() == 0 else ''}pid {folder}/pid; error_log {folder}/error.log; events {{ worker_connections 512; }}\n"
        f"http {{ access_log {folder}/all.log; {paths}\n{text}\n}}\n")
    return ["nginx", "-p", folder, "-e", folder / "error.log", "-c", folder / "nginx.conf"]


def haproxy(folder, upstream, plain, secure):
    (folder / "both.pem").write_text((folder / "cert.pem").read_text() + (folder / "key.pem").read_text())
    (folder / "haproxy.cfg").write_text(replace(
        (DEPLOY / "haproxy.cfg").read_text(), ("127.0.0.1:8080", f"127.0.0.1:{upstream}"),
        ("maxconn 20000", "maxconn 500"), ("bind :80", f"bind 127.0.0.1:{plain}"), ("bind :443", f"bind 127.0.0.1:{secure}"),
        (f"/etc/haproxy/{HOST}.pem", str(folder / "both.pem"))))
    return ["haproxy", "-db", "-f", folder / "haproxy.cfg"]


def caddy(folder, upstream, plain, secure):
    (folder / "Caddyfile").write_text(
        f"{{\n\tadmin off\n\tauto_https disable_redirects\n\thttp_port {plain}\n\thttps_port {secure}\n}}\n"
        + replace(
            (DEPLOY / "Caddyfile").read_text(), ("127.0.0.1:8080", f"127.0.0.1:{upstream}"),
            (f"{HOST} {{\n", f"{HOST} {{\n\tbind 127.0.0.1\n\ttls {folder}/cert.pem {folder}/key.pem\n")))
    return ["caddy", "run", "--config", folder / "Caddyfile"]


@pytest.fixture(params=[nginx, haproxy, caddy], ids=lambda proxy: proxy.__name__)
def proxied(request, make_server, tmp_path):
    """A server behind a proxy, and the proxy's ports."""
    name = request.param.__name__
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    harness.openssl(
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
        tmp_path / "key.pem", "-out", tmp_path / "cert.pem", "-days", "2", "-subj", f"/CN={HOST}",
        "-addext", f"subjectAltName=DNS:{HOST}")
    server = make_server("--trust-proxy", "127.0.0.1", "--port", harness.free_port())
    plain, secure = harness.free_port(), harness.free_port()
    command = request.param(tmp_path, server.port, plain, secure)
    log = open(tmp_path / "proxy.log", "w")
    process = subprocess.Popen(
        command, stdout=log, stderr=subprocess.STDOUT, cwd=tmp_path, env=harness.clean_environment(tmp_path),
        start_new_session=True)
    proxy = Proxy(name, plain, secure, ssl.create_default_context(cafile=str(tmp_path / "cert.pem")))
    try:
        def is_up():
            assert process.poll() is None, (tmp_path / "proxy.log").read_text()
            return proxy.answers()
        harness.until(is_up, f"{name} passes requests on")
        yield server, proxy
    finally:
        # With their workers; asked kindly, some wait for their connections without an end.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        log.close()


class Proxy:
    def __init__(self, name, plain, port, context):
        self.name, self.plain, self.port, self.context = name, plain, port, context

    def connect(self, encrypted=True):
        """A connection as the browser of a user elsewhere has it; it speaks TLS, or is to."""
        connection = socket.create_connection(("127.0.0.1", self.port), harness.PATIENCE, source_address=(CLIENT, 0))
        return self.context.wrap_socket(connection, server_hostname=HOST) if encrypted else connection

    def answers(self):
        try:
            return self.request("GET", "/health")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def request(self, method, path, body=None, headers=None):
        connection = http.client.HTTPSConnection(HOST, self.port, context=self.context)
        connection.sock = self.connect()
        connection.request(method, path, body, {"Host": HOST, **(headers or {})})
        response = connection.getresponse()
        body = response.read()
        connection.close()
        self.request_id = response.headers["X-Request-Id"]
        return response.status, body

    def publish(self, token, topic, message):
        body = json.dumps({"topic": topic, "message": message, "token": token})
        return self.request("POST", "/broadcast", body, {"Content-Type": "application/json"})


def test_messages_pass_at_once_by_websocket_and_as_events(proxied, keys):
    server, proxy = proxied
    token, reader = harness.mint(keys, ["t"], "broadcast"), harness.mint(keys, ["t"])
    with websockets.sync.client.connect(
            f"wss://{HOST}/ws", sock=proxy.connect(encrypted=False), ssl=proxy.context, max_size=None) as client:
        client.send(f"/subscribe t {reader}")
        client.send("/?")
        assert client.recv(timeout=harness.PATIENCE) == "Unknown command"
        events = proxy.connect()
        events.settimeout(harness.PATIENCE)
        events.sendall(f"GET /events?topic=t&token={reader} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        read = b""
        while b"event: subscribed" not in read:
            read += events.recv(65536)
        for message in ("one", "two", "x" * 1_500_000):
            status, answer = proxy.publish(token, "t", message)
            assert status == 200, answer
            assert client.recv(timeout=harness.PATIENCE) == message
            read = b""
            while message[-20:].encode() not in read[-4000:]:
                part = events.recv(65536)
                assert part, "the stream has ended"
                read += part
        events.close()


def test_the_log_has_the_clients_address_and_the_proxys_name_for_the_request(proxied, keys, tmp_path):
    server, proxy = proxied
    assert proxy.publish(harness.mint(keys, ["t"], "broadcast", ttl=-9), "t", "m")[0] == 401
    harness.until(lambda: "publish refused" in server.output, "a line in the log")
    line = next(line for line in server.log if "publish refused" in line)
    assert f"client={CLIENT} " in line
    # The client knows the request by the same name, and has it once.
    assert re.fullmatch("[0-9a-f-]{32,36}", proxy.request_id)
    assert f"request_id={proxy.request_id}" in line
    log = tmp_path / "access.log"  # nginx alone keeps one here.
    harness.until(lambda: not log.exists() or proxy.request_id in log.read_text(), "the proxy's own line")


def test_other_paths_are_not_passed_on(proxied):
    server, proxy = proxied
    assert proxy.request("GET", "/metrics")[0] == 404
    assert "request refused" not in server.output


def test_requests_wait_for_a_server_that_is_restarted_where_the_proxy_can(proxied, make_server):
    server, proxy = proxied
    server.stop()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        answer = pool.submit(proxy.request, "GET", "/health")
        if proxy.name == "nginx":
            assert answer.result()[0] == 502
        make_server("--port", server.port)
        if proxy.name != "nginx":
            assert answer.result() == (200, b'{"status":"ok"}')
