"""`notiflux doctor`: against a server itself, through a proxy of a few lines that spoils one thing, with certificates that
nobody should trust, and through nginx, configured badly on purpose and then mended by the directives that doctor gives."""

import concurrent.futures
import contextlib
import datetime
import email.utils
import functools
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import threading

import pytest

import harness

NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
GOOD = harness.ROOT / "deploy" / "nginx.conf"
needs_nginx = pytest.mark.skipif(NGINX is None, reason="NO NGINX HERE: install Debian's nginx to run this")


class Report:
    """What `doctor --json` printed."""

    def __init__(self, done):
        self.code = done.returncode
        assert done.stdout, done.stderr
        self.object = json.loads(done.stdout)
        self.checks = self.object["checks"]
        levels = [finding["level"] for finding in self.checks]
        assert self.object["problems"] == levels.count("problem") and self.object["warnings"] == levels.count("warning")
        assert self.object["passed"] == ("problem" not in levels)
        for finding in self.checks:
            assert ("remedy" in finding) == ("why" in finding) == (finding["level"] in ("warning", "problem")), finding

    def of(self, check, *levels):
        found = [finding for finding in self.checks if finding["check"] == check]
        return [finding for finding in found if finding["level"] in levels] if levels else found

    def wrong(self):
        """The checks with a problem, and what was seen. What a crowded test machine allows is none of them."""
        return {finding["check"]: finding for finding in self.checks if finding["level"] == "problem"}


def examine(keys, home, url, *arguments, key=True, wait="0s", **variables):
    """Runs doctor with the key, as a user who has set nothing."""
    home.mkdir(parents=True, exist_ok=True)
    signing = ["--key", keys.private] if key else []
    command = [harness.binary(), "doctor", url, "--json", "--wait", wait, "--timeout", "20s", *signing, *arguments]
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True, cwd=home,
                          env=harness.clean_environment(home, **variables), timeout=harness.PATIENCE * 2)
    return Report(done)


@pytest.fixture
def doctor(keys, tmp_path):
    return functools.partial(examine, keys, tmp_path / "home")


@pytest.fixture(scope="module")
def pool():
    """Most of what takes long is waiting: it is done side by side."""
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        yield pool


# The server itself


def test_nothing_is_wrong_with_the_server_itself(doctor, server):
    report = doctor(server.url, wait="1s")
    assert report.wrong() == {} and report.code == 0
    assert {finding["check"] for finding in report.checks if finding["level"] == "ok"} >= {
        "reach", "health", "connection", "clock", "authorization", "size", "websocket", "origin", "delivery", "events", "idle"}
    assert "ms after its publish" in report.of("delivery")[0]["seen"]


@pytest.fixture(scope="module", autouse=True)
def patient(keys, server, pool, tmp_path_factory):
    return pool.submit(examine, keys, tmp_path_factory.mktemp("patient"), server.url, wait="17500ms")


def test_without_a_key_what_needs_one_is_skipped_and_nothing_is_published(doctor, make_server, keys):
    server = make_server()
    before = harness.sequence(harness.publish(server, harness.mint(keys, ["t"], "broadcast"), "t", "m"))
    report = doctor(server.url, key=False)
    assert report.code == 0
    for check in ("delivery", "events"):
        assert "--key FILE" in report.of(check, "skipped")[0]["seen"]
    assert report.of("websocket", "ok") and report.of("authorization", "ok") and report.of("size", "ok")
    after = harness.sequence(harness.publish(server, harness.mint(keys, ["t"], "broadcast"), "t", "m"))
    assert after[1] == before[1] + 1


def test_given_tokens_serve_for_the_topic_they_are_for(doctor, server, keys):
    tokens = {"NOTIFLUX_TOKEN": harness.mint(keys, ["a topic"]),
              "NOTIFLUX_PUBLISH_TOKEN": harness.mint(keys, ["a topic"], "broadcast")}
    report = doctor(server.url, "--topic", "a topic", key=False, **tokens)
    assert report.of("delivery", "ok") and report.of("events", "ok"), report.checks
    report = doctor(server.url, key=False, **tokens)
    assert "--topic" in report.of("delivery", "skipped")[0]["seen"] and report.code == 0


def test_a_key_of_somebody_else_is_a_problem(doctor, server, other_keys):
    report = doctor(server.url, "--key", other_keys.private, key=False)
    assert set(report.wrong()) == {"delivery", "events"} and report.code == 1
    assert "token inspect" in report.wrong()["delivery"]["remedy"]


def test_a_foreign_page_is_told_by_its_origin(doctor, make_server):
    server = make_server("--allow-origin", "https://www.example.com")
    report = doctor(server.url, "--origin", "https://shop.example.com")
    assert "--allow-origin https://shop.example.com" in report.wrong()["origin"]["remedy"] and report.code == 1
    report = doctor(server.url, "--origin", "https://www.example.com")
    assert report.of("origin")[0]["level"] == "ok" and len(report.of("origin")) == 1
    assert "--origin" in doctor(server.url).of("origin", "skipped")[0]["seen"]


def test_pages_that_may_connect_but_not_read_are_a_warning(doctor, server):
    report = doctor(server.url, "--origin", "https://www.example.com")
    assert report.code == 0 and "POST /broadcast and GET /events" in report.of("origin", "warning")[0]["seen"]
    assert doctor(server.url, "--origin", server.url).of("origin", "warning") == [], "its own pages need no CORS"


def test_where_nobody_listens_is_unreachable(doctor, cli):
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        report = doctor(f"http://127.0.0.1:{bound.getsockname()[1]}")
    assert report.code == 4 and list(report.wrong()) == ["reach"]
    assert doctor("http://no-such-host.invalid").code == 4


def test_a_limit_of_files_is_seen_from_the_same_machine(doctor, keys, binary, tmp_path):
    limited = ["sh", "-c", 'ulimit -n 256; exec "$0" "$@"', str(binary)]
    process = subprocess.Popen([*limited, "serve", "--port", "0", "--public-key", str(keys.public)],
                               stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, cwd=tmp_path)
    try:
        port = next(match[1] for line in process.stderr if (match := harness.ADDRESS.search(line.decode())))
        report = doctor(f"http://127.0.0.1:{port}")
        low = [finding for finding in report.of("limits", "warning") if f"(pid {process.pid})" in finding["seen"]]
        assert "256 files" in low[0]["seen"] and "LimitNOFILE" in low[0]["remedy"] and report.code == 0
    finally:
        process.terminate()
        process.wait(harness.PATIENCE)


def test_people_get_lines_and_no_colour_off_a_terminal(cli, server, keys):
    done = cli("doctor", server.url, "--wait", "0s", "--key", keys.private)
    lines = done.stdout.decode().splitlines()
    assert lines[0] == f"notiflux doctor {server.url}" and lines[-1].startswith("0 problems, ")
    assert any(re.fullmatch(r"ok +websocket +opens in .*", line) for line in lines) and b"\x1b" not in done.stdout
    quiet = cli("doctor", server.url, "--wait", "0s", "--quiet")
    assert b"websocket" not in quiet.stdout and quiet.returncode == 0


@pytest.mark.parametrize("arguments, said", [
    (["nonsense"], "URL"), (["--origin", "www.example.com"], "--origin"), (["--origin", "*"], "--origin"),
    (["http://a", "--url", "http://b"], "once"), (["--wait", "5"], "--wait"), (["--topic", ""], "--topic"),
    (["--json", "--quiet"], "--quiet"), (["unix:/run/notiflux.sock"], "over TCP; give the URL of the proxy"),
    (["http://unix:/run/notiflux.sock"], "--listen 127.0.0.1:PORT"),
])
def test_what_makes_no_sense_is_a_usage_error(cli, arguments, said):
    done = cli("doctor", *arguments)
    assert done.returncode == 2 and said in done.stderr.decode() and not done.stdout


# Proxies that spoil one thing


class SpoilingProxy:
    """A TCP proxy that lets `spoil` change what goes each way: bytes in, bytes out, or None to swallow them."""

    def __init__(self, server, upwards=lambda data: data, downwards=lambda data: data):
        self.target = ("127.0.0.1", server.port)
        self.ways = upwards, downwards
        self.listener = harness.accepting(self.take)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def take(self, inner):
        outer = socket.create_connection(self.target)
        for source, sink, way in ((inner, outer, self.ways[0]), (outer, inner, self.ways[1])):
            threading.Thread(target=self.carry, args=(source, sink, way), daemon=True).start()

    @staticmethod
    def carry(source, sink, way):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(way(data) or b"")
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()


def ahead(seconds):
    def change(data):
        def date(match):
            moment = email.utils.parsedate_to_datetime(match[1].decode()) + datetime.timedelta(seconds=seconds)
            return b"date: " + email.utils.format_datetime(moment, usegmt=True).encode()
        return re.sub(rb"date: ([^\r]+)", date, data)
    return change


def test_a_clock_that_is_off_is_measured(doctor, server):
    for seconds, level in ((300, "problem"), (-300, "problem"), (10, "warning"), (1, "ok")):
        with SpoilingProxy(server, downwards=ahead(seconds)) as proxy:
            report = doctor(proxy.url, key=False)
            assert report.of("clock")[0]["level"] == level, report.of("clock")
            assert ("clock" in report.wrong()) == (level == "problem") == (report.code == 1)


def test_with_a_key_it_is_the_clock_that_judges_tokens_which_counts(doctor, server):
    with SpoilingProxy(server, downwards=ahead(300)) as proxy:
        clock = doctor(proxy.url).of("clock")[0]
        assert clock["level"] == "warning" and "proxy's clock is 5 min ahead" in clock["seen"]

    def later(data):
        head, _, body = data.partition(b"\r\n\r\n")
        body = re.sub(rb"token expired \d+ s ago", b"token expired 3 min ago", body)
        return re.sub(rb"content-length: \d+", b"content-length: %d" % len(body), head) + b"\r\n\r\n" + body

    with SpoilingProxy(server, downwards=lambda data: later(data) if b"token_expired" in data else data) as proxy:
        report = doctor(proxy.url)
        assert re.match("[23] min ahead", report.wrong()["clock"]["seen"]) and report.code == 1


def test_upgrades_that_are_swallowed_are_noticed(doctor, server):
    def swallow(data):
        return None if b"upgrade: websocket" in data.lower() else data

    with SpoilingProxy(server, upwards=swallow) as proxy:
        report = doctor(proxy.url, "--timeout", "1s")
        assert "swallows" in report.wrong()["websocket"]["why"]
        assert report.of("events", "ok"), report.checks


def test_an_encrypted_port_is_told_from_a_plain_one(doctor, server):
    report = doctor(server.url.replace("http://", "https://"))
    assert report.code == 4 and "http://" in report.wrong()["certificate"]["seen"]


# Certificates


def certificate(folder, name, *, names="DNS:localhost,IP:127.0.0.1", days="90", begins=None, ends=None):
    """A self-signed certificate and its key."""
    key, cert = folder / f"{name}.key", folder / f"{name}.pem"
    harness.openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
    arguments = ["req", "-x509", "-new", "-key", key, "-subj", "/CN=doctor", "-addext", f"subjectAltName={names}"]
    if begins is None:
        harness.openssl(*arguments, "-days", days, "-out", cert)
        return cert, key
    # `openssl req` has no dates of its own in OpenSSL 3.0; `openssl ca` does.
    request, database = folder / f"{name}.csr", folder / f"{name}.db"
    database.write_text("")
    config = folder / f"{name}.cnf"
    config.write_text(f"""[ca]
default_ca = d
[d]
database = {database}
new_certs_dir = {folder}
rand_serial = yes
default_md = sha256
policy = p
x509_extensions = e
[p]
commonName = supplied
[e]
subjectAltName = {names}
basicConstraints = critical,CA:true
""")
    harness.openssl("req", "-new", "-key", key, "-subj", "/CN=doctor", "-out", request)
    harness.openssl("ca", "-batch", "-config", config, "-selfsign", "-keyfile", key, "-in", request, "-out", cert,
                    "-notext", "-startdate", begins, "-enddate", ends)
    return cert, key


@pytest.fixture
def encrypted(keys, tmp_path):
    """Starts a server with a certificate; its URL with the name given."""
    servers = []

    def start(cert, key, name="127.0.0.1"):
        home = tmp_path / f"tls-{len(servers)}"
        home.mkdir()
        process = subprocess.Popen(
            [harness.binary(), "serve", "--port", "0", "--public-key", keys.public, "--tls-certificate", cert, "--tls-key", key],
            stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, cwd=home, env=harness.clean_environment(home))
        servers.append(process)
        for line in process.stderr:
            if match := re.search(rb"https://127\.0\.0\.1:(\d+)", line):
                return f"https://{name}:{match[1].decode()}"
        raise AssertionError("it does not say where it listens")

    yield start
    for process in servers:
        process.terminate()
        assert process.wait(harness.PATIENCE) == 0


def test_a_good_certificate_is_good(doctor, encrypted, tmp_path):
    cert, key = certificate(tmp_path, "good")
    report = doctor(encrypted(cert, key), "--ca-file", cert)
    assert report.wrong() == {} and "good for 89 days" in report.of("certificate", "ok")[0]["seen"], report.checks
    assert "TLS 1.3" in report.of("certificate")[0]["seen"] and report.of("delivery", "ok")


def test_a_self_signed_certificate_is_a_problem_and_the_other_checks_go_on(doctor, encrypted, tmp_path):
    url = encrypted(*certificate(tmp_path, "self"))
    report = doctor(url)
    assert list(report.wrong()) == ["certificate"] and report.code == 1
    assert "--ca-file" in report.wrong()["certificate"]["remedy"]
    assert "not checked" in report.of("certificate", "skipped")[0]["seen"]
    assert report.of("delivery", "ok") and report.of("events", "ok")
    report = doctor(url, "--topic", "mine")
    assert "not shown" in report.of("delivery", "skipped")[0]["seen"], "no token for a real topic for a stranger"


def test_a_certificate_for_another_name_is_told_apart(doctor, encrypted, tmp_path):
    cert, key = certificate(tmp_path, "other", names="DNS:other.example")
    report = doctor(encrypted(cert, key, "localhost"), "--ca-file", cert)
    assert "for other.example, not for localhost" in report.wrong()["certificate"]["seen"]


def test_an_expired_certificate_is_told_with_its_date(doctor, encrypted, tmp_path):
    cert, key = certificate(tmp_path, "old", begins="20240101000000Z", ends="20250102000000Z")
    report = doctor(encrypted(cert, key), "--ca-file", cert)
    assert "expired at 2025-01-02T00:00:00Z" in report.wrong()["certificate"]["seen"]
    assert "reload" in report.wrong()["certificate"]["remedy"] and report.of("delivery", "ok")


def test_a_certificate_that_ends_soon_is_a_warning(doctor, encrypted, tmp_path):
    cert, key = certificate(tmp_path, "soon", days="5")
    report = doctor(encrypted(cert, key), "--ca-file", cert)
    assert "in 4 days" in report.of("certificate", "warning")[0]["seen"] and report.code == 0


class Doorkeeper:
    """A TCP proxy that lets `decide` say of each connection, by its number, what becomes of it: "pass", "close" it at once,
    "greet" and close it after the client's greeting, "answer" that as the server does and close, "reset" it, or be "silent".
    Connection 0 is closed by doctor itself: it is there to see whether there is one to be had."""

    def __init__(self, url, decide):
        scheme, host, port = re.match(r"(https?)://(.+):(\d+)$", url).groups()
        self.target, self.decide, self.seen, self.kept = ("127.0.0.1", int(port)), decide, 0, []
        self.listener = harness.accepting(self.take)
        self.url = f"{scheme}://{host}:{self.listener.getsockname()[1]}"

    def take(self, inner):
        way, self.seen = self.decide(self.seen), self.seen + 1
        threading.Thread(target=self.treat, args=(inner, way), daemon=True).start()

    def treat(self, inner, way):
        with contextlib.suppress(OSError):
            if way == "pass":
                outer = socket.create_connection(self.target)
                threading.Thread(target=SpoilingProxy.carry, args=(outer, inner, bytes), daemon=True).start()
                SpoilingProxy.carry(inner, outer, bytes)
                return
            if way == "silent":
                self.kept.append(inner)
                return
            if way != "close":
                greeting = inner.recv(65536)
            if way == "answer":
                with socket.create_connection(self.target) as outer:
                    outer.sendall(greeting)
                    inner.sendall(outer.recv(65536))
            if way == "reset":
                inner.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            inner.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for held in [self.listener, *self.kept]:
            held.close()


def speaks_of_trust(report):
    return re.search("vouch|not for|trust", json.dumps(report.checks))


@pytest.mark.parametrize("way, how", [
    ("close", "closed|reset"), ("greet", "closed"), ("reset", "reset"), ("silent", "silent for 1000 ms|silent for 1 s"),
])
def test_a_connection_that_ends_in_the_tls_handshake_is_told_as_such(doctor, encrypted, tmp_path, way, how):
    cert, key = certificate(tmp_path, "good")
    with Doorkeeper(encrypted(cert, key), lambda _: way) as door:
        report = doctor(door.url, "--ca-file", cert, "--timeout", "1s")
    assert report.code == 4 and list(report.wrong()) == ["certificate"], report.checks
    finding = report.wrong()["certificate"]
    assert re.search(rf"was ended during the TLS handshake \(.*({how})", finding["seen"])
    assert "worker_connections" in finding["remedy"] and not speaks_of_trust(report)


@pytest.mark.parametrize("decide, said", [
    (lambda n: "close" if n == 1 else "pass", "1 of 3 connections was ended"),
    (lambda n: "greet" if n in (2, 3) else "pass", "2 of 3 connections were ended"),
], ids=["first closed, then good", "first good, then closed"])
def test_connections_that_end_now_and_then_are_told_and_the_certificate_is_judged(doctor, encrypted, tmp_path, decide, said):
    cert, key = certificate(tmp_path, "good")
    with Doorkeeper(encrypted(cert, key), decide) as door:
        report = doctor(door.url, "--ca-file", cert)
    assert report.of("certificate", "ok") and list(report.wrong()) == ["certificate"] and report.code == 1, report.checks
    assert said in report.wrong()["certificate"]["seen"] and not speaks_of_trust(report)
    assert report.of("delivery", "ok") and report.of("events", "ok"), "the rest is looked into with trust"


def test_connections_that_end_right_after_the_handshake_are_no_matter_of_trust(doctor, encrypted, tmp_path):
    cert, key = certificate(tmp_path, "good")
    with Doorkeeper(encrypted(cert, key), lambda _: "answer") as door:
        report = doctor(door.url, "--ca-file", cert)
    # Which of the two ends first is anybody's guess.
    assert report.of("certificate", "ok") or "ended during" in report.wrong()["certificate"]["seen"], report.checks
    assert report.code in (1, 4) and report.wrong() and not speaks_of_trust(report)


def test_connections_that_end_only_later_are_no_matter_of_trust(doctor, encrypted, tmp_path):
    cert, key = certificate(tmp_path, "good")
    with Doorkeeper(encrypted(cert, key), lambda n: "pass" if n < 4 else "greet") as door:
        report = doctor(door.url, "--ca-file", cert)
    assert report.of("certificate", "ok") and set(report.wrong()) >= {"health", "websocket", "events"}, report.checks
    assert "during the TLS handshake" in report.wrong()["health"]["seen"] and not speaks_of_trust(report)


def test_a_real_failure_of_trust_or_name_stays_one_among_connections_that_end(doctor, encrypted, tmp_path):
    def now_and_then(n):
        return "close" if n == 2 else "pass"

    cert, key = certificate(tmp_path, "other", names="DNS:other.example")
    with Doorkeeper(encrypted(cert, key, "localhost"), now_and_then) as door:
        seen = [finding["seen"] for finding in doctor(door.url, "--ca-file", cert).of("certificate", "problem")]
    assert seen[0] == "the certificate is for other.example, not for localhost" and "1 of 3" in seen[1]
    with Doorkeeper(encrypted(*certificate(tmp_path, "self")), now_and_then) as door:
        seen = [finding["seen"] for finding in doctor(door.url).of("certificate", "problem")]
    assert "nobody known here vouches" in seen[0] and "1 of 3" in seen[1]


def test_a_server_of_http2_alone_is_told(doctor, tmp_path):
    cert, key = certificate(tmp_path, "good")
    port = harness.free_port()
    process = subprocess.Popen(
        ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", cert, "-key", key, "-alpn", "h2", "-quiet"],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        harness.until(lambda: listens(port), "openssl s_server listens")
        report = doctor(f"https://127.0.0.1:{port}", "--ca-file", cert)
        assert report.code == 4 and "refuses to speak HTTP/1.1" in report.wrong()["certificate"]["seen"], report.checks
    finally:
        process.kill()
        process.wait(harness.PATIENCE)


# nginx


def listens(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True


class Nginx:
    """An nginx in the foreground, as a child, on a free port of loopback. `body` makes what stands in its `http` block of
    that port, `main` what stands outside of it."""

    def __init__(self, folder, body, main="master_process off; events { worker_connections 256; }"):
        folder.mkdir(parents=True)
        self.port = harness.free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.config = folder / "nginx.conf"
        self.config.write_text(f"""daemon off; pid {folder}/pid; error_log {folder}/error.log;
{main}
http {{
access_log off;
{harness.nginx_temporary_folders(folder)}
{body(self.port)}
}}
""")
        self.process = subprocess.Popen([NGINX, "-p", folder, "-c", self.config], stdin=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE)
        harness.until(self.listens, "nginx listens")

    @staticmethod
    def of(folder, config):
        """With one server; `config` has its directives under `server`, and those of its locations under their paths."""
        blocks = [f"location {path} {{ {' '.join(lines)} }}" for path, lines in config.items() if path != "server"]
        return Nginx(folder, lambda port: "\n".join(
            ["server {", f"listen 127.0.0.1:{port};", *config.get("server", []), *blocks, "}"]))

    def listens(self):
        assert self.process.poll() is None, self.process.stderr.read().decode()
        return listens(self.port)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(harness.PATIENCE)
        self.process.stderr.close()


UPGRADE = ["proxy_http_version 1.1;", "proxy_set_header Upgrade $http_upgrade;", 'proxy_set_header Connection "upgrade";']


def sound(server):
    """Nothing wrong with it."""
    to = f"proxy_pass http://127.0.0.1:{server.port};"
    long = "proxy_read_timeout 75s;"
    return {
        "server": ["client_max_body_size 2m;"],
        "/": [to], "= /ws": [to, long, *UPGRADE], "= /events": [to, long], "= /broadcast": [to],
    }


def named(directive):
    """What a directive is about: one of the same name replaces it."""
    words = directive.rstrip(";").split()
    return words[0] + (f" {words[1].lower()}" if words[0] == "proxy_set_header" else "")


def mend(config, finding, server):
    """Puts the directives of a finding into the place it names, in place of those of the same names."""
    nginx = finding["nginx"]
    place = nginx["place"].removeprefix("location ")
    lines = [line.replace("127.0.0.1:8080", f"127.0.0.1:{server.port}") for line in nginx["directives"]]
    names = {named(line) for line in lines}
    if "proxy_pass" in names:
        names.add("return")  # both say who answers
    old = config.setdefault(place, list(config["/"]))
    config[place] = [line for line in old if named(line) not in names] + lines


def without(lines, *starts):
    return [line for line in lines if not line.startswith(starts)]


DEAF = ["proxy_buffering on;", "proxy_ignore_headers X-Accel-Buffering;"]
ZEALOUS = ["gzip on;", "gzip_types text/event-stream;", "gzip_proxied any;"]
BAD = {
    "no upgrade": ("websocket", lambda c: c.update({"= /ws": without(c["= /ws"], "proxy_set_header")})),
    "HTTP/1.0": ("websocket", lambda c: c.update({"= /ws": without(c["= /ws"], "proxy_http_version")})),
    "no location for /ws": ("websocket", lambda c: c.update({"= /ws": ["return 404;"]})),
    "buffered events": ("events", lambda c: c["= /events"].extend(DEAF)),
    "compressed and buffered events": ("events", lambda c: c["= /events"].extend(ZEALOUS + DEAF)),
    "a short time-out for /ws": ("idle", lambda c: c.update(
        {"= /ws": without(c["= /ws"], "proxy_read_timeout") + ["proxy_read_timeout 2s;"]})),
    "a short time-out for /events": ("idle", lambda c: c.update(
        {"= /events": without(c["= /events"], "proxy_read_timeout") + ["proxy_read_timeout 2s;"]})),
    "small bodies": ("size", lambda c: c.update({"server": ["client_max_body_size 1m;"]})),
    "Authorization dropped": ("authorization", lambda c: c["= /broadcast"].append('proxy_set_header Authorization "";')),
    "a password of its own": ("authorization", lambda c: c["= /broadcast"].extend(
        ['auth_basic "closed";', "auth_basic_user_file /dev/null;"])),
    "no health": ("health", lambda c: c.update({"= /health": ["return 200 '<html>Welcome</html>';"]})),
}


@pytest.fixture(scope="module", autouse=True)
def examined(keys, server, pool, tmp_path_factory):
    """Of each bad configuration, what doctor says of it, and what it says once it is mended as it said."""
    folder = tmp_path_factory.mktemp("nginx")

    def both(name):
        check, spoil = BAD[name]
        wait = "3s" if check == "idle" else "0s"
        config = sound(server)
        spoil(config)
        place = folder / name.replace("/", "").replace(" ", "-")
        with Nginx.of(place / "bad", config) as nginx:
            bad = examine(keys, place / "home", nginx.url, wait=wait)
        if check in bad.wrong():
            mend(config, bad.wrong()[check], server)
        with Nginx.of(place / "good", config) as nginx:
            return bad, examine(keys, place / "home", nginx.url, wait=wait)

    return {name: pool.submit(both, name) for name in BAD} if NGINX else {}


@needs_nginx
@pytest.mark.parametrize("name", BAD)
def test_a_badly_configured_nginx_is_found_and_mended_by_what_doctor_says(name, examined):
    bad, good = examined[name].result()
    check = BAD[name][0]
    assert set(bad.wrong()) == {check} and bad.code == 1, bad.checks
    assert good.wrong() == {} and good.of(check)[0]["level"] == "ok" and good.code == 0, good.checks


@needs_nginx
def test_what_nginx_breaks_on_the_way_is_only_a_warning(doctor, server, tmp_path):
    config = sound(server)
    config["= /events"] += ZEALOUS
    config["server"].append("keepalive_timeout 0;")
    with Nginx.of(tmp_path / "nginx", config) as nginx:
        report = doctor(nginx.url)
    assert report.wrong() == {} and report.code == 0, report.checks
    assert "gzip" in report.of("events", "warning")[0]["seen"] and report.of("connection", "warning")
    assert "nginx/" in report.of("health", "ok")[0]["seen"]


@needs_nginx
def test_nginx_without_a_server_behind_it_is_told(doctor, tmp_path):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        upstream = f"proxy_pass http://127.0.0.1:{nobody.getsockname()[1]};"
        with Nginx.of(tmp_path / "nginx", {"/": [upstream]}) as nginx:
            report = doctor(nginx.url)
    assert "502" in report.wrong()["health"]["seen"] and "journalctl" in report.wrong()["health"]["remedy"]


@needs_nginx
@pytest.mark.parametrize("events, said", [
    ("worker_connections 768;", "768 worker_connections (from FILE) are enough for 384 clients a worker"),
    ("", "512 worker_connections of nginx's default (FILE sets none)"), ("worker_connections 16384;", None),
])
def test_too_few_connections_of_an_nginx_on_this_machine_are_told_with_the_file(doctor, server, tmp_path, events, said):
    main = f"worker_processes 1; user root; events {{ {events} }}"
    with Nginx(tmp_path / "nginx", lambda port: f"server {{ listen 127.0.0.1:{port}; }}", main) as nginx:
        report = doctor(server.url)
        own = [finding for finding in report.of("limits", "warning") if f"nginx (pid {nginx.process.pid})" in finding["seen"]]
    assert report.code == 0 and len(own) == (said is not None), report.checks
    if said:
        assert said.replace("FILE", str(nginx.config)) in own[0]["seen"] and own[0]["nginx"]["place"] == "main"
        assert "events { worker_connections 16384; }" in own[0]["nginx"]["directives"]


@needs_nginx
def test_an_nginx_that_is_out_of_connections_is_no_matter_of_trust(doctor, server, tmp_path):
    cert, key = certificate(tmp_path, "nginx")
    main = "master_process off; events { worker_connections 12; }"
    with Nginx(tmp_path / "nginx", lambda port: f"server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {cert}; "
               f"ssl_certificate_key {key}; location / {{ proxy_pass http://127.0.0.1:{server.port}; }} }}", main) as nginx:
        with contextlib.ExitStack() as held:
            for _ in range(20):
                client = held.enter_context(socket.create_connection(("127.0.0.1", nginx.port)))
                # A handshake that has begun: nginx drops only those that have not, to make room.
                client.sendall(b"\x16\x03\x01")
            report = doctor(f"https://localhost:{nginx.port}", "--ca-file", cert)
    assert "ended during the TLS handshake" in report.wrong()["certificate"]["seen"], report.checks
    assert report.code == 4 and not speaks_of_trust(report)


@needs_nginx
def test_a_redirect_is_told_with_the_url_to_use(doctor, tmp_path):
    with Nginx.of(tmp_path / "nginx", {"/": ["return 301 https://push.example.com$request_uri;"]}) as nginx:
        report = doctor(nginx.url)
    assert list(report.wrong()) == ["health"]
    assert "notiflux doctor https://push.example.com" in report.wrong()["health"]["remedy"]


@needs_nginx
def test_the_configuration_in_deploy_has_no_problem(doctor, server, tmp_path):
    cert, key = certificate(tmp_path, "nginx")
    plain = harness.free_port()

    def deployed(port):
        config = GOOD.read_text()
        for old, new in [
            (r"listen \[::\]:\d+( ssl)?;", ""), (r"listen 80;", f"listen 127.0.0.1:{plain};"),
            (r"listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;"), (r"127\.0\.0\.1:8080", f"127.0.0.1:{server.port}"),
            (r"push\.example\.com;", "localhost;"), (r"/var/log/nginx/", f"{tmp_path}/"),
            (r"/etc/letsencrypt/\S+/fullchain\.pem", str(cert)), (r"/etc/letsencrypt/\S+/privkey\.pem", str(key)),
        ]:
            config, count = re.subn(old, new, config)
            assert count, f"deploy/nginx.conf has no {old} any more"
        return config

    with Nginx(tmp_path / "nginx", deployed) as nginx:
        report = doctor(f"https://localhost:{nginx.port}", "--ca-file", cert, wait="1s")
        redirected = doctor(f"http://localhost:{plain}")
    assert report.wrong() == {} and report.code == 0, report.checks
    assert not [finding for finding in report.checks if finding["level"] == "warning" and finding["check"] != "limits"]
    assert "redirects to https://localhost" in redirected.wrong()["health"]["seen"]


def test_a_sign_of_life_is_waited_for(patient):
    report = patient.result()
    assert report.wrong() == {}
    assert [finding["seen"].split()[0] for finding in report.of("idle", "ok")] == ["/ws", "/events"]
    assert all("with a sign of life each 15 s" in finding["seen"] for finding in report.of("idle"))
