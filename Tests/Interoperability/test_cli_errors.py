"""Bad input of every command: one clear line on standard error, the right exit code, nothing half done."""

import base64
import contextlib
import http.server
import os
import re
import socket
import stat
import subprocess
import threading
import time

import pytest

import harness

USAGE, REFUSED, UNREACHABLE, TIMED_OUT = 2, 3, 4, 5
TRACES = re.compile(rb"Fatal error|Stack dump|Thread \d|0x[0-9a-f]{8,}|\.swift:\d+|Error Domain|errno")


def complaint(done, code):
    """The one line of a failed command; it has failed with this code and in the form that is promised."""
    assert done.returncode == code, (done.returncode, done.stderr.decode("utf-8", "replace"))
    assert done.stdout == b""
    text = done.stderr.decode("utf-8")
    assert not TRACES.search(done.stderr), text
    lines = text.splitlines()
    # The error, and at most one hint on where to look.
    assert 1 <= len(lines) <= 2, text
    if len(lines) == 2:
        assert re.search(r"--help|notiflux help", lines[1]), text
    assert lines[0].startswith("notiflux: ") and len(lines[0]) > len("notiflux: x")
    assert "\x1b" not in text
    return lines[0]


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.fixture
def key(keys):
    return ("--key", keys.private)


# Wrong in form, whatever the command: (arguments, words the complaint must hold).
USAGE_ERRORS = [
    (["sevre"], ["sevre", "serve"]),
    (["--no-such-option"], ["--no-such-option"]),
    (["serve", "--prot", "1"], ["--prot", "--port"]),
    (["serve", "--port", "99999"], ["--port", "99999", "65535"]),
    (["serve", "--port", "http"], ["--port", "http"]),
    (["serve", "--port"], ["--port"]),
    (["serve", "--port=-1"], ["--port", "-1"]),
    (["serve", "extra"], ["extra"]),
    (["serve"], ["--public-key"]),
    (["serve", "--dev", "--host", "0.0.0.0"], ["--dev", "0.0.0.0"]),
    (["serve", "--drain-timeout", "10"], ["--drain-timeout", "10"]),
    (["serve", "--drain-timeout", "10 parsecs"], ["--drain-timeout", "10 parsecs"]),
    (["serve", "--max-pending", "lots"], ["--max-pending", "lots"]),
    (["serve", "--log-level", "loud"], ["--log-level", "loud", "info"]),
    (["serve", "--log-format", "xml"], ["--log-format", "xml", "json"]),
    (["serve", "--workers", "0"], ["--workers", "0"]),
    (["serve", "--check=yes"], ["--check"]),
    (["serve", "--public-key", "{public}", "--tls-key", "x"], ["--tls-certificate"]),
    (["keygen", "extra"], ["extra"]),
    (["keygen", "--out-dir"], ["--out-dir"]),
    (["keygen", "--private", "same.pem", "--public", "same.pem"], ["same"]),
    (["keygen", "--private", "a", "--public-from", "b"], ["--private", "--public-from"]),
    (["token"], ["subscribe", "broadcast", "inspect"]),
    (["token", "subscrib", "t"], ["subscrib", "subscribe"]),
    (["token", "subscribe"], ["TOPIC"]),
    (["token", "subscribe", "t"], ["--key"]),
    (["token", "broadcast", "t", "--key", "{key}", "--ttl", "soon"], ["--ttl", "soon"]),
    (["token", "broadcast", "t", "--key", "{key}", "--ttl", "-5s"], ["--ttl", "-5s"]),
    (["token", "broadcast", "t", "--key", "{key}", "--ttl", "0s"], ["--ttl", "0s"]),
    (["token", "broadcast", "", "--key", "{key}"], ["TOPIC"]),
    (["token", "broadcast", "x" * 256, "--key", "{key}"], ["TOPIC"]),
    (["token", "inspect", "a", "b"], ["unexpected argument"]),
    (["publish"], ["TOPIC"]),
    (["publish", "t", "m", "extra"], ["extra"]),
    (["publish", "t", "m"], ["--key"]),
    (["publish", "t", "m", "--key", "{key}", "--url", "nonsense"], ["--url", "nonsense"]),
    (["publish", "t", "m", "--key", "{key}", "--url", "ftp://x"], ["--url", "ftp"]),
    (["publish", "t", "m", "--key", "{key}", "--timeout", "never"], ["--timeout", "never"]),
    (["publish", "t", "m", "--key", "{key}", "--retry", "often"], ["--retry", "often", "number", "30s"]),
    (["publish", "t", "m", "--key", "{key}", "--retry", "101"], ["--retry", "101", "100"]),
    (["publish", "t", "m", "--key", "{key}", "--retry", "2d"], ["--retry", "2d", "1d"]),
    (["publish", "t", "m", "--key", "{key}", "--lines"], ["--lines"]),
    (["publish", "t", "m", "--key", "{key}", "--file", "x"], ["--file"]),
    (["publish", "t", "--key", "{key}", "--tokn", "x"], ["--tokn", "--token"]),
    (["listen", "t", "--url", "nonsense", "--key", "{key}"], ["--url", "nonsense"]),
    (["listen", "t", "--count", "many", "--key", "{key}"], ["--count", "many"]),
    (["listen", "t", "--timeout", "1", "--key", "{key}"], ["--timeout", "1"]),
    (["listen", "t"], ["--key"]),
    (["completion"], ["SHELL"]),
    (["completion", "tcsh"], ["tcsh", "bash"]),
    (["completion", "bash", "extra"], ["extra"]),
    (["help", "sevre"], ["sevre", "serve"]),
]


@pytest.mark.parametrize("arguments, words", USAGE_ERRORS, ids=lambda value: " ".join(value)[:60])
def test_wrong_usage_is_told_in_one_line_with_2(cli, keys, arguments, words):
    line = complaint(cli(*[argument.replace("{key}", str(keys.private)).replace("{public}", str(keys.public)) for argument in arguments]), USAGE)
    for word in words:
        assert word in line, line
    assert files(cli.home) == []


def test_no_command_at_all_is_wrong_usage(cli):
    done = cli()
    assert done.returncode == USAGE
    assert done.stdout == b"" and b"serve" in done.stderr


@pytest.mark.parametrize("variable, value, words", [
    ("PORT", "99999", ["PORT", "99999", "65535"]), ("WORKER_COUNT", "some", ["WORKER_COUNT", "some"]),
    ("JWT_PUBLIC_KEY_B64", "%%%", ["JWT_PUBLIC_KEY_B64"]),
    ("JWT_PUBLIC_KEY_B64", base64.b64encode(b"no key").decode(), ["JWT_PUBLIC_KEY_B64"]),
    ("JWT_PUBLIC_KEY_FILE", "/nowhere/key.pem", ["/nowhere/key.pem"]),
    ("NOTIFLUX_DRAIN_TIMEOUT", "x", ["NOTIFLUX_DRAIN_TIMEOUT", "x"]),
    ("NOTIFLUX_LOG_LEVEL", "loud", ["NOTIFLUX_LOG_LEVEL", "loud"]),
])
def test_a_bad_variable_is_named_with_its_value(cli, keys, variable, value, words):
    given = ["--public-key", keys.public] if not variable.startswith("JWT") else []
    done = cli("serve", "--check", *given, env={variable: value})
    line = complaint(done, done.returncode if variable.startswith("JWT") else USAGE)
    assert done.returncode in (1, 2)
    for word in words:
        assert word in line


@pytest.fixture
def bad_keys(tmp_path, keys):
    """Files that are no usable P-256 key, by name: (path, words)."""
    folder = tmp_path / "bad"
    other = harness.Keys.make(folder / "p384", "secp384r1")
    rsa = folder / "rsa.pem"
    rsa.write_bytes(harness.openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"))
    locked = folder / "locked.pem"
    locked.write_bytes(harness.openssl(
        "pkcs8", "-topk8", "-in", keys.private, "-passout", "pass:secret", "-v2", "aes-256-cbc"))
    torn = folder / "torn.pem"
    torn.write_bytes(keys.private.read_bytes()[:120])
    empty = folder / "empty.pem"
    empty.write_bytes(b"")
    return {
        "missing": (folder / "missing.pem", []), "a folder": (folder, []), "empty": (empty, []), "torn": (torn, []),
        "P-384": (other.private, ["384"]), "RSA": (rsa, ["RSA"]), "encrypted": (locked, ["encrypted"]),
        "public": (keys.public, ["public"]),
    }


@pytest.mark.parametrize("name", ["missing", "a folder", "empty", "torn", "P-384", "RSA", "encrypted", "public"])
@pytest.mark.parametrize("command", [
    ["token", "subscribe", "t"], ["publish", "t", "m"], ["listen", "t"], ["keygen", "--public-from"]], ids=" ".join)
def test_an_unusable_private_key_is_named(cli, bad_keys, command, name):
    path, words = bad_keys[name]
    done = cli(*command, path) if command[0] == "keygen" else cli(*command, "--key", path)
    assert done.returncode in (1, 2)
    line = complaint(done, done.returncode)
    for word in [str(path), *words]:
        assert word.lower() in line.lower(), line
    assert "BEGIN" not in line
    assert files(cli.home) == []


@pytest.mark.parametrize("name", ["missing", "a folder", "empty", "torn", "RSA"])
def test_an_unusable_public_key_keeps_the_server_from_starting(cli, bad_keys, name):
    path, _ = bad_keys[name]
    for check in ([], ["--check"]):
        done = cli("serve", "--port", "0", "--public-key", path, *check)
        assert done.returncode in (1, 2)
        assert str(path) in complaint(done, done.returncode)


def test_serve_check_says_that_all_is_well(cli, keys):
    assert cli("serve", "--check", "--public-key", keys.public).returncode == 0


@pytest.fixture
def certificate(tmp_path):
    """A certificate and its key."""
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    harness.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
                    "-subj", "/CN=localhost", "-keyout", key, "-out", certificate)
    return certificate, key


def check_tls(cli, keys, certificate, key):
    return cli("serve", "--check", "--public-key", keys.public, "--tls-certificate", certificate, "--tls-key", key)


def test_a_key_of_another_certificate_is_told(cli, keys, certificate):
    assert check_tls(cli, keys, *certificate).returncode == 0
    path, _ = certificate
    line = complaint(check_tls(cli, keys, path, keys.private), 1)
    assert line == f"notiflux: {keys.private}: the key does not belong to the certificate in {path}"
    # The chain in the wrong order: the key belongs to the second one.
    first = path.with_name("first.pem")
    harness.openssl("req", "-x509", "-key", keys.private, "-days", "1", "-subj", "/CN=other", "-out", first)
    chain = path.with_name("chain.pem")
    chain.write_bytes(first.read_bytes() + path.read_bytes())
    assert "does not belong to the first certificate" in complaint(check_tls(cli, keys, chain, certificate[1]), 1)


def test_a_file_that_is_no_certificate_or_no_key_is_told(cli, keys, certificate, bad_keys):
    path, key = certificate
    empty, locked = bad_keys["empty"][0], bad_keys["encrypted"][0]
    for given, words in [
        ((key, path), [str(key), "is a private key"]), ((path, path), [str(path), "is a certificate"]),
        ((empty, key), [str(empty), "no certificate"]), ((keys.public, key), [str(keys.public), "no certificate"]),
        ((path, empty), [str(empty), "no private key"]), ((path, locked), [str(locked), "passphrase"]),
        ((path, "missing.pem"), ["missing.pem"]),
    ]:
        line = complaint(check_tls(cli, keys, *given), 1)
        for word in words:
            assert word in line, line


def test_a_port_that_is_taken_is_told(cli, keys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = complaint(cli("serve", "--port", port, "--public-key", keys.public), 1)
        assert str(port) in line and "use" in line


# keygen


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_keygen_writes_a_private_key_for_its_owner_alone(cli):
    # Even under a mask that hides nothing.
    before = os.umask(0)
    try:
        done = cli("keygen")
    finally:
        os.umask(before)
    assert done.returncode == 0
    assert files(cli.home) == ["es256_private.pem", "es256_public.pem"]
    assert mode(cli.home / "es256_private.pem") == 0o600
    match = re.fullmatch(rb"JWT_PUBLIC_KEY_B64=([A-Za-z0-9+/]+=*)\n", done.stdout)
    assert match, done.stdout
    assert base64.b64decode(match[1]) == (cli.home / "es256_public.pem").read_bytes()
    assert b"PRIVATE" not in done.stdout + done.stderr


@pytest.mark.parametrize("present", ["es256_private.pem", "es256_public.pem"])
def test_keygen_never_overwrites_unasked_and_makes_no_half_pair(cli, present):
    (cli.home / present).write_text("precious")
    line = complaint(cli("keygen"), 1)
    assert present in line and "--force" in line
    assert files(cli.home) == [present]
    assert (cli.home / present).read_text() == "precious"


def test_keygen_replaces_when_told_to(cli):
    private = cli.home / "es256_private.pem"
    private.write_text("old")
    private.chmod(0o644)
    assert cli("keygen", "--force").returncode == 0
    assert mode(private) == 0o600
    assert private.read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----")
    first = private.read_bytes()
    assert cli("keygen", "--force").returncode == 0
    assert private.read_bytes() != first
    assert files(cli.home) == ["es256_private.pem", "es256_public.pem"]


@pytest.mark.parametrize("form", ["private", "sec1"])
def test_keygen_derives_a_public_key(cli, keys, form):
    done = cli("keygen", "--public-from", getattr(keys, form), "--public", "derived.pem")
    assert done.returncode == 0
    assert (cli.home / "derived.pem").read_bytes() == keys.public.read_bytes()
    assert files(cli.home) == ["derived.pem"]
    line = complaint(cli("keygen", "--public-from", getattr(keys, form), "--public", "derived.pem"), 1)
    assert "derived.pem" in line and "--force" in line


def test_keygen_into_a_place_that_cannot_be_written(cli):
    (cli.home / "file").write_text("")
    assert "file" in complaint(cli("keygen", "--out-dir", "file/sub"), 1)
    assert "nowhere" in complaint(cli("keygen", "--private", "nowhere/private.pem"), 1)
    assert files(cli.home) == ["file"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_keygen_into_a_folder_that_is_read_only(cli):
    cli.home.chmod(0o500)
    complaint(cli("keygen"), 1)
    assert files(cli.home) == []


def test_a_full_disk_is_an_error(cli, keys):
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full here")
    with open("/dev/full", "wb") as full:
        done = subprocess.run([harness.binary(), "token", "subscribe", "t", "--key", keys.private], stdout=full,
                              stderr=subprocess.PIPE, env=harness.clean_environment(cli.home), timeout=harness.PATIENCE)
    assert done.returncode == 1 and b"space" in done.stderr


# token inspect


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "\u00e9" * 10, "x" * 100_000, "\x1b[2J.a.b"])
def test_what_is_no_token_is_refused_without_being_repeated(cli, text):
    done = cli("token", "inspect", "-", stdin=text)
    assert done.returncode == 1
    shown = done.stdout + done.stderr
    assert b"\x1b" not in shown and len(shown) < 5_000
    assert not TRACES.search(shown)


# publish and listen against servers that refuse, are not there, or do not answer


@pytest.fixture
def nobody():
    """An address where no one listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    return f"http://127.0.0.1:{port}"


@pytest.fixture
def mute():
    """A server that accepts connections and never says a word."""
    held = []
    listener = harness.accepting(held.append)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    for connection in held:
        connection.close()


@contextlib.contextmanager
def stranger(status, body, **headers):
    """An HTTP server that gives one answer to everything; its URL, and what it was asked."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self):
            asked.append(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


PAGE = b"<html>\r\n<head><title>Sorry</title></head>\r\n<body><h1>Sorry</h1></body>\r\n</html>\r\n"

# What talks to a server, and fails at once where nothing of use answers.
CLIENTS = {
    "publish": ["publish", "t", "m", "--retry", "0"], "listen": ["listen", "t", "--count", "1"],
    "bench publish": ["bench", "publish", "--duration", "200ms", "--warmup", "0s", "--quiet"],
    "bench connect": ["bench", "connect", "--connections", "1", "--quiet"],
}


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_proxy_that_does_not_reach_the_server_is_told_with_4(cli, key, client, status):
    with stranger(status, PAGE, **{"Content-Type": "text/html"}) as (url, _):
        line = complaint(cli(*CLIENTS[client], "--url", url, *key), UNREACHABLE)
        assert line == f"notiflux: cannot reach {url}: a proxy answered {status}, not notiflux; is the server behind it running?"
    with stranger(status, b"no healthy upstream\n") as (url, _):
        line = complaint(cli(*CLIENTS[client], "--url", url, *key), UNREACHABLE)
        assert f"{status} (no healthy upstream), not notiflux" in line


@pytest.mark.parametrize("client", CLIENTS)
def test_a_redirection_is_told_with_the_url_to_give(cli, key, client):
    route = "/broadcast" if "publish" in client else "/ws"
    with stranger(301, PAGE, Location=f"https://push.example.com{route}") as (url, _):
        line = complaint(cli(*CLIENTS[client], "--url", url, *key), 1)
        assert line == (f"notiflux: {url} answered 301, a redirection to https://push.example.com{route}; "
                        "give --url https://push.example.com")
    with stranger(302, PAGE, Location="https://id.example.com/login") as (url, _):
        line = complaint(cli(*CLIENTS[client], "--url", url, *key), 1)
        assert line.endswith("302, a redirection to https://id.example.com/login")


@pytest.mark.parametrize("client", CLIENTS)
def test_what_is_no_notiflux_is_told_without_its_page(cli, key, client):
    with stranger(404, PAGE) as (url, _):
        line = complaint(cli(*CLIENTS[client], "--url", url, *key), 1)
        assert line == f"notiflux: {url} answered 404, not as a notiflux server does; is it the right URL?"


def test_what_a_proxy_answers_in_place_of_the_server_is_retried(cli, key):
    with stranger(502, PAGE) as (url, asked):
        complaint(cli("publish", "t", "m", "--url", url, *key, "--retry", "2"), UNREACHABLE)
        assert len(asked) == 3 and len(set(asked)) == 1  # The same id each time.
        done = cli("publish", "t", "--lines", "--url", url, *key, "--retry", "0", stdin="a\nb\n")
        assert done.returncode == UNREACHABLE and b"<" not in done.stderr and b"502" in done.stderr


def test_retries_go_on_for_a_time(cli, key, nobody):
    start = time.monotonic()
    complaint(cli("publish", "t", "m", "--url", nobody, *key, "--retry", "1500ms"), UNREACHABLE)
    assert time.monotonic() - start >= 1.5
    with stranger(503, PAGE) as (url, asked):
        complaint(cli("publish", "t", "m", "--url", url, *key, "--retry", "300ms"), UNREACHABLE)
        assert len(asked) >= 2


def test_who_hangs_up_in_the_tls_handshake_is_asked_again(cli, key):
    """As a proxy does that is out of connections, or is being restarted."""
    tries = []

    def hang_up(connection):
        with connection:
            tries.append(connection.recv(1 << 16))

    with harness.accepting(hang_up) as listener:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        line = complaint(cli("publish", "t", "m", "--url", url, *key, "--retry", "2"), UNREACHABLE)
    assert len(tries) == 3 and "TLS handshake" in line


def test_a_refused_publish_ends_with_3(cli, server, keys, other_keys):
    for token in (harness.mint(keys, ["other"], "broadcast"), harness.mint(keys, ["t"]), harness.mint(other_keys, ["t"], "broadcast"),
                  harness.mint(keys, ["t"], "broadcast", ttl=-10)):
        line = complaint(cli("publish", "t", "m", "--url", server.url, "--token", token), REFUSED)
        assert token not in line
    complaint(cli("publish", "t", "m", "--url", server.url, "--key", other_keys.private), REFUSED)


def test_a_refused_batch_ends_with_3(cli, server, other_keys):
    done = cli("publish", "t", "--lines", "--url", server.url, "--key", other_keys.private, stdin="a\nb\n")
    assert done.returncode == REFUSED and done.stdout == b""
    assert not TRACES.search(done.stderr)


def test_a_refused_listen_ends_with_3(cli, server, other_keys):
    done = cli("listen", "t", "--url", server.url, "--key", other_keys.private, "--count", "1", "--timeout", "20s")
    assert done.returncode == REFUSED and done.stdout == b""


def test_an_unreachable_server_ends_with_4(cli, nobody, key):
    line = complaint(cli("publish", "t", "m", "--url", nobody, *key, "--retry", "0"), UNREACHABLE)
    assert nobody.rsplit(":", 1)[1] in line or "refused" in line
    complaint(cli("publish", "t", "m", "--url", "http://no-such-host.invalid", *key, "--retry", "0"), UNREACHABLE)


def test_a_server_that_does_not_answer_ends_with_5(cli, mute, key):
    complaint(cli("publish", "t", "m", "--url", mute, *key, "--timeout", "300ms", "--retry", "0"), TIMED_OUT)


def test_a_listen_that_gets_too_little_ends_with_5(cli, server, key):
    done = cli("listen", "t", "--url", server.url, *key, "--count", "1", "--timeout", "500ms")
    assert done.returncode == TIMED_OUT and done.stdout == b""


@pytest.mark.parametrize("text, words", [(b"good\n\xff\xfe\n", ["line 2", "UTF-8"])])
def test_bad_lines_are_named_by_their_number(cli, server, key, text, words):
    done = cli("publish", "t", "--lines", "--url", server.url, *key, stdin=text)
    assert done.returncode == 1
    for word in words:
        assert word in done.stderr.decode()


def test_a_missing_message_file_is_named(cli, server, key):
    assert "nothing.txt" in complaint(cli("publish", "t", "--file", "nothing.txt", "--url", server.url, *key), 1)


@pytest.mark.parametrize("source", ["@FILE", "-", "environment"])
def test_a_token_need_not_stand_among_the_arguments(cli, server, keys, tmp_path, source):
    token = harness.mint(keys, ["t"], "broadcast")
    path = tmp_path / "token"
    path.write_text(token + "\n")
    if source != "environment":
        given = f"@{path}" if source == "@FILE" else "-"
        done = cli("token", "inspect", given, "--public-key", keys.public, stdin=token + "\n")
        assert done.returncode == 0 and b"signature  good" in done.stdout, done.stderr.decode()
    if source == "@FILE":
        done = cli("publish", "t", "m", "--url", server.url, "--token", f"@{path}")
    elif source == "-":
        done = cli("publish", "t", "m", "--url", server.url, "--token", "-", stdin=token + "\n")
    else:
        done = cli("publish", "t", "m", env={"NOTIFLUX_URL": server.url, "NOTIFLUX_TOKEN": token})
    assert done.returncode == 0, done.stderr.decode()


def test_help_and_version_go_to_standard_output(cli):
    for arguments in (["--help"], ["help"], ["help", "serve"], ["serve", "--help"], ["token", "inspect", "--help"], ["--version"]):
        done = cli(*arguments)
        assert done.returncode == 0 and done.stderr == b"" and done.stdout, arguments
        assert b"\x1b" not in done.stdout
    for shell in ("bash", "zsh", "fish"):
        assert b"notiflux" in cli("completion", shell).stdout


def test_quiet_where_the_reader_has_gone(cli, binary, keys):
    """`notiflux help | head -1` and the like end without a word of complaint."""
    for arguments in (["help", "serve"], ["completion", "bash"], ["token", "subscribe", "t", "--key", str(keys.private)]):
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run([binary, *arguments], stdout=writer, stderr=subprocess.PIPE,
                              env=harness.clean_environment(cli.home), timeout=harness.PATIENCE)
        os.close(writer)
        assert (done.returncode, done.stderr) == (0, b"")
