"""The admin address: metrics that say what happened, the busiest topics, and an answer while all else is full or leaving."""

import json
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import time

import pytest

import harness


class Admin:
    def __init__(self, server):
        harness.until(lambda: "admin=" in server.output, "the admin address in the log")
        self.port = int(re.search(r"admin=http://127\.0\.0\.1:(\d+)", server.output)[1])

    def get(self, path):
        return harness.request(self, "GET", path)

    def text(self):
        answer = self.get("/metrics")
        assert answer.status == 200
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        return answer.body.decode()

    def metrics(self):
        samples = {}
        for line in self.text().splitlines():
            if not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                assert name not in samples
                samples[name] = float(value)
        return samples

    def until(self, name, value):
        harness.until(lambda: self.metrics().get(name) == value, f"{name} to be {value}, not {self.metrics().get(name)}")


@pytest.fixture
def watched(make_server):
    def make(*arguments, **variables):
        server = make_server("--admin", "127.0.0.1:0", *arguments, **variables)
        return server, Admin(server)

    return make


@pytest.mark.parametrize("workers", [1, 3])
def test_every_step_of_a_message_is_counted(watched, keys, workers):
    server, admin = watched("--workers", workers)
    token = harness.mint(keys, ["a", "b"], "broadcast")
    reader = harness.mint(keys, ["a", "b"])
    with harness.Subscriber(server, ("a", reader)) as one, harness.Subscriber(server, ("a", reader), ("b", reader)):
        for _ in range(5):
            assert harness.publish(server, token, "a", "12345678").status == 200
        one.expect(*["12345678"] * 5)
        both = json.dumps({"topics": ["a", "b"], "message": "1234", "token": token})
        assert harness.request(server, "POST", "/broadcast", both, {"content-type": "application/json"}).status == 200
        metrics = admin.metrics()
        assert metrics["notiflux_messages_published_total"] == 7
        assert metrics["notiflux_published_bytes_total"] == 5 * 8 + 2 * 4
        assert metrics["notiflux_messages_delivered_total"] == 5 * 2 + 2 + 1
        assert metrics["notiflux_subscriptions"] == 3
        assert metrics["notiflux_topics"] == 2
        assert metrics['notiflux_connections{protocol="websocket"}'] == 2
        assert metrics['notiflux_http_responses_total{route="/broadcast",status="200"}'] == 6
        assert metrics['notiflux_http_responses_total{route="/ws",status="101"}'] == 2
        admin.until("notiflux_publish_duration_seconds_count", 6)
        # One observation a message and loop that has a subscriber of it.
        deliveries = admin.metrics()["notiflux_delivery_duration_seconds_count"]
        assert deliveries == 7 if workers == 1 else 7 <= deliveries <= 14
        assert 0 < admin.metrics()["notiflux_publish_duration_seconds_sum"] < 6 * harness.PATIENCE
        assert metrics["notiflux_sent_bytes_total"] > metrics["notiflux_published_bytes_total"]
        assert metrics["notiflux_received_bytes_total"] > 6 * len(token)
        assert metrics["notiflux_history_messages"] == 7
    admin.until('notiflux_connections{protocol="websocket"}', 0)
    metrics = admin.metrics()
    assert metrics["notiflux_subscriptions"] == 0
    assert metrics["notiflux_topics"] == 0


def test_refusals_resumes_gaps_and_limits_are_counted(watched, keys, other_keys):
    server, admin = watched("--history-size", "2", "--max-subscriptions", "1", "--max-message-size", "1KiB")
    token = harness.mint(keys, ["t"], "broadcast")
    first, *_ = [harness.publish(server, token, "t", "m").json["cursor"] for _ in range(4)]
    assert harness.publish(server, harness.mint(other_keys, ["t"], "broadcast"), "t", "m").code == "token_signature"
    assert harness.publish(server, harness.mint(keys, ["t"], "broadcast", ttl=-5), "t", "m").code == "token_expired"
    assert harness.publish(server, token, "u", "m").code == "topic_not_allowed"
    assert harness.publish(server, token, "t", "m" * 2000).code == "too_large"
    reader = harness.mint(keys, ["t", "u"])
    with harness.Envelopes(server) as client:
        for since in (first, "0:1", "0:2"):
            client.subscribe("t", reader, since=since)
            assert [client.receive()["type"] for _ in range(4)] == ["gap", "message", "message", "caught-up"]
        assert client.ask(type="subscribe", topic="u", token=reader)["code"] == "too_many_subscriptions"
    metrics = admin.metrics()
    for code in ("token_signature", "token_expired", "topic_not_allowed", "too_large"):
        assert metrics[f'notiflux_publishes_refused_total{{code="{code}"}}'] == 1
    assert metrics['notiflux_subscribes_refused_total{code="too_many_subscriptions"}'] == 1
    assert metrics['notiflux_limits_reached_total{limit="max_subscriptions"}'] == 1
    assert metrics['notiflux_limits_reached_total{limit="max_message_size"}'] == 1
    assert metrics["notiflux_resumes_total"] == 3
    assert metrics['notiflux_gaps_total{cause="evicted"}'] == 1
    assert metrics['notiflux_gaps_total{cause="other_log"}'] == 2
    assert metrics["notiflux_messages_replayed_total"] == 6
    assert metrics['notiflux_history_evictions_total{limit="history_size"}'] == 2
    assert metrics['notiflux_http_responses_total{route="/broadcast",status="401"}'] == 2
    assert metrics['notiflux_http_responses_total{route="/broadcast",status="413"}'] == 1
    harness.until(lambda: re.search("publish refused .*code=too_large .*status=413", server.output), "a line in the log")


def test_when_the_process_began_is_told_by_the_clock_of_the_world(watched):
    before = time.time()
    _, admin = watched()
    # The kernel counts the beginning of a process in ticks of 10 ms.
    assert before - 1 < admin.metrics()["process_start_time_seconds"] < time.time() + 1


@pytest.fixture
def certificate(tmp_path):
    """The options for a server with TLS."""
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x",
         "-days", "30", "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return "--tls-certificate", certificate, "--tls-key", key


def test_the_end_of_the_certificate_is_told_also_after_a_reload(watched, certificate):
    server, admin = watched(*certificate)
    for days in (30, 60):
        _, path, _, key = certificate
        subprocess.run(
            ["openssl", "req", "-x509", "-key", key, "-subj", "/CN=x", "-days", str(days), "-out", path], check=True)
        server.process.send_signal(signal.SIGHUP)
        text = subprocess.run(["openssl", "x509", "-noout", "-enddate", "-in", path], check=True, capture_output=True, text=True)
        admin.until("notiflux_tls_certificate_end_seconds", ssl.cert_time_to_seconds(text.stdout.strip().removeprefix("notAfter=")))


def test_reloads_are_counted_and_the_log_says_of_which_files(watched, keys, tmp_path):
    revoked = tmp_path / "revoked"
    revoked.write_text("jti a\n")
    server, admin = watched("--revoked", revoked)
    for text, result, line in (("jti b\njti c\n", "taken", rf"reloaded files=\".*{revoked}\""), ("jti", "refused", "kept")):
        revoked.write_text(text)
        server.process.send_signal(signal.SIGHUP)
        harness.until(lambda: re.search(f"revocations {line}", server.output), "a reload")
        assert admin.metrics()[f'notiflux_reloads_total{{result="{result}"}}'] == 1


def test_a_slow_consumer_is_counted_and_named_in_the_log(watched, keys):
    server, admin = watched("--max-pending", "2MiB")
    path = harness.events_path(["t"], harness.mint(keys, ["t"]))
    stuck = socket.socket()
    stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    stuck.connect(("127.0.0.1", server.port))
    stuck.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    admin.until('notiflux_connections{protocol="events"}', 1)
    token = harness.mint(keys, ["t"], "broadcast")
    closed = 'notiflux_connections_closed_total{cause="slow_consumer"}'
    for _ in range(50):
        assert harness.publish(server, token, "t", "x" * 500_000).status == 200
        if admin.metrics()[closed] == 1:
            break
    assert admin.metrics()[closed] == 1
    assert admin.metrics()['notiflux_limits_reached_total{limit="max_pending"}'] == 1
    stuck.close()
    line = r"slow consumer closed client=127\.0\.0\.1 code=slow_consumer connection=\d+-\d+ reason="
    harness.until(lambda: re.search(line, server.output), "a line in the log")


def test_promtool_finds_nothing_to_say(watched, keys):
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed: apt-get install prometheus")
    server, admin = watched()
    with harness.Subscriber(server, ("t", harness.mint(keys, ["t"]))):
        harness.publish(server, harness.mint(keys, ["t"], "broadcast"), "t", "m")
        harness.publish(server, "nonsense", "t", "m")
        result = subprocess.run([promtool, "check", "metrics"], input=admin.text(), capture_output=True, text=True)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_no_label_takes_a_value_that_a_client_chose(watched, keys):
    server, admin = watched()
    before = set(admin.metrics())
    for number in range(30):
        topic = f"topic-{number}"
        harness.publish(server, harness.mint(keys, [topic], "broadcast"), topic, "m")
        harness.request(server, "GET", f"/path-{number}")
        harness.request(server, "BREW", "/broadcast")
    new = {name for name in admin.metrics() if name not in before}
    # Statuses are from a closed list, and appear when they are first answered with.
    assert new == {
        'notiflux_http_responses_total{route="none",status="404"}', 'notiflux_http_responses_total{route="none",status="405"}'}


def test_the_busiest_topics_come_first_with_their_subscribers(watched, keys):
    server, admin = watched("--workers", "2")
    topics = [f"t{number}" for number in range(30)]
    token = harness.mint(keys, topics, "broadcast")
    for number in range(3):
        for _ in range(3 - number):
            assert harness.publish(server, token, f"t{number}", "m").status == 200
    for topic in topics[3:]:
        harness.publish(server, token, topic, "m")
    reader = harness.mint(keys, topics)
    with harness.Subscriber(server, ("t0", reader)), harness.Subscriber(server, ("t0", reader), ("t1", reader)):
        listed = admin.get("/topics").json["topics"]
        assert len(listed) == 20
        assert [topic["topic"] for topic in listed[:2]] == ["t0", "t1"]
        assert [topic["subscribers"] for topic in listed[:2]] == [2, 1]
        assert listed[0]["messagesPerSecond"] > listed[1]["messagesPerSecond"] > listed[2]["messagesPerSecond"] > 0
        assert all(topic["uncertainty"] == 0 for topic in listed)
        assert len(admin.get("/topics?limit=3").json["topics"]) == 3
        named = admin.get("/topics?topic=t1&topic=nobody").json["topics"]
        assert [(topic["topic"], topic["subscribers"]) for topic in named] == [("t1", 1), ("nobody", 0)]
    for query in ("limit=0", "limit=x", "limit=1000000", "topic=", "topic=%00"):
        answer = admin.get(f"/topics?{query}")
        assert answer.status == 400
        assert answer.code in ("bad_request", "topic_invalid")


def test_clients_get_nothing_of_it_and_operators_nothing_of_theirs(watched, keys):
    server, admin = watched()
    for path in ("/metrics", "/topics"):
        assert harness.request(server, "GET", path).status == 404
    for path in ("/ws", "/events", "/broadcast"):
        assert admin.get(path).status == 404
    assert admin.get("/health").status == 200
    assert admin.get("/ready").json == {"status": "ready"}
    assert harness.request(admin, "POST", "/metrics", "x").status == 405
    assert harness.request(admin, "HEAD", "/metrics").body == b""


def test_it_answers_while_the_server_is_full(watched, keys):
    server, admin = watched("--workers", "1", "--max-connections", "16", "--max-http-connections", "16")
    held = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(20)]
    admin.until('notiflux_connections{protocol="http"}', 16)
    admin.until('notiflux_limits_reached_total{limit="max_connections"}', 4)
    for each in held:
        each.close()


def test_it_says_not_ready_and_goes_on_answering_while_the_server_drains(watched, keys):
    server, admin = watched("--drain-timeout", "30s")
    with harness.Subscriber(server, ("t", harness.mint(keys, ["t"]))):
        stuck = socket.create_connection(("127.0.0.1", server.port))
        stuck.sendall(b"POST /broadcast HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n")
        harness.until(lambda: admin.metrics()["notiflux_connections_accepted_total"] >= 2, "the slow request")
        server.terminate()
        harness.until(lambda: admin.get("/ready").status == 503, "not ready")
        assert admin.get("/ready").code == "draining"
        assert admin.metrics()["notiflux_ready"] == 0
        stuck.close()
    server.wait()


def test_it_may_be_a_unix_domain_socket(make_server, keys, tmp_path, curl):
    path = tmp_path / "admin.sock"
    server = make_server("--admin", f"unix:{path}")
    harness.until(lambda: "admin=" in server.output, "the admin address in the log")
    answer = subprocess.run(
        ["curl", "-sS", "--unix-socket", str(path), "http://localhost/metrics"], capture_output=True, text=True)
    assert "notiflux_ready 1" in answer.stdout
    assert path.stat().st_mode & 0o777 == 0o660
    server.stop()
    assert not path.exists()


ROOT = pathlib.Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["docs/grafana.json", "deploy/alerts.yml", "docs/operations.md"])
def test_what_dashboard_alerts_and_documents_name_exists(watched, certificate, name):
    server, admin = watched(*certificate)
    families = set(re.findall(r"^# TYPE (\S+)", admin.text(), re.MULTILINE))
    for family in list(families):
        families |= {f"{family}_bucket", f"{family}_sum", f"{family}_count"}
    named = set(re.findall(r"\b(?:notiflux|process)_[a-z_]+[a-z]\b(?!\$)", (ROOT / name).read_text()))
    named -= {"notiflux_connection", "notiflux_path"}  # Names in nginx's configuration.
    assert named, "nothing was found"
    assert named <= families, sorted(named - families)


def test_promtool_takes_the_alerts():
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed: apt-get install prometheus")
    result = subprocess.run([promtool, "check", "rules", ROOT / "deploy/alerts.yml"], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "8 rules found" in result.stdout
