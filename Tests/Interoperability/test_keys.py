"""Keys as JWK Sets, made and read by PyJWT; their rotation and the revocation of tokens while clients go on."""

import contextlib
import itertools
import json
import select
import signal
import subprocess
import threading
import time

import jwt
import pytest
import websockets
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

import harness

TOPIC = "news"
RELOADED = "keys, certificates and revocations reloaded"
KEPT = "keys, certificates and revocations kept"


def jwk(public_key, **members):
    """A JWK as PyJWT writes it."""
    algorithm = jwt.algorithms.RSAAlgorithm if isinstance(public_key, rsa.RSAPublicKey) else jwt.algorithms.ECAlgorithm
    return {**algorithm.to_jwk(public_key, as_dict=True), **members}


def jwk_of(keys, **members):
    return jwk(serialization.load_pem_public_key(keys.public.read_bytes()), **members)


def write(path, *jwks):
    """Replaced whole, as a deployment does it: the server may read at any time."""
    new = path.with_suffix(".new")
    new.write_text(json.dumps({"keys": jwks}))
    new.replace(path)


def reload(server, word=RELOADED):
    """Sends SIGHUP and waits until the log says what came of it; its line."""
    before = server.output.count(word)
    server.process.send_signal(signal.SIGHUP)
    harness.until(lambda: server.output.count(word) > before, word)
    return [line for line in server.log if word in line][-1]


@pytest.fixture
def next_keys(tmp_path):
    return harness.Keys.make(tmp_path / "next")


def test_a_set_that_pyjwt_wrote_is_served_with_what_is_of_no_use_in_it(keys, next_keys, tmp_path):
    file = tmp_path / "jwks.json"
    strange = [
        jwk(rsa.generate_private_key(65537, 2048).public_key(), kid="2026-10", use="sig", alg="RS256"),
        jwk(ec.generate_private_key(ec.SECP384R1()).public_key(), kid="p384"),
        {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
    ]
    write(file, *strange, jwk_of(keys, kid="2026-11", use="sig", alg="ES256"), jwk_of(next_keys, kid="2026-12"))
    with harness.Server(tmp_path / "home", "--jwks", file) as server:
        for pair, kid in itertools.product((keys, next_keys), ("2026-11", "2026-12", "2026-10", "unknown", None)):
            token = harness.mint(pair, [TOPIC], "broadcast", headers={"kid": kid} if kid else None)
            assert harness.publish(server, token, TOPIC, "m").status == 200


def test_pyjwt_reads_the_set_that_keygen_writes(cli, tmp_path):
    assert cli("keygen", "--jwks").returncode == 0
    text = (cli.home / "es256_jwks.json").read_text()
    (key,) = jwt.PyJWKSet.from_json(text).keys
    token = cli("token", "broadcast", TOPIC, "--key", "es256_private.pem", "--kid").stdout.decode().strip()
    assert jwt.get_unverified_header(token)["kid"] == key.key_id
    assert (key.public_key_use, key.algorithm_name) == ("sig", "ES256")
    assert jwt.decode(token, key, algorithms=["ES256"])["topics"] == [TOPIC]
    with harness.Server(tmp_path / "server", "--jwks", cli.home / "es256_jwks.json") as server:
        assert harness.publish(server, token, TOPIC, "m").status == 200


class Load:
    """Publishers and a subscriber that go on as fast as they can; whoever is refused has failed."""

    def __init__(self, server, keys):
        self.server, self.keys = server, keys
        self.done = threading.Event()
        self.failures, self.counts = [], []
        self.kid = "now"
        works = [self.publish_with_one_token, self.publish_with_new_tokens, self.subscribe]
        self.threads = [threading.Thread(target=self.run, args=(work,)) for work in works]

    def token(self, scope, **more):
        return harness.mint(self.keys, [TOPIC], scope, headers={"kid": self.kid}, **more)

    def run(self, work):
        count = 0
        try:
            for _ in work():
                count += 1
                if self.done.is_set():
                    break
        except Exception as error:  # noqa: BLE001, whatever it is
            self.failures.append(error)
        self.counts.append(count)

    def publish_with_one_token(self):
        with harness.Publisher(self.server, self.token("broadcast")) as publish:
            while True:
                yield publish(TOPIC, "m")

    def publish_with_new_tokens(self):
        with harness.Publisher(self.server, "") as publish:
            for number in itertools.count():
                publish.headers["Authorization"] = f"Bearer {self.token('broadcast', jti=str(number))}"
                yield publish(TOPIC, "m")

    def subscribe(self):
        with harness.Envelopes(self.server) as client:
            for number in itertools.count():
                client.send(type="subscribe", topic=TOPIC, token=self.token("subscribe", jti=f"s{number}"))
                while (answer := client.receive())["type"] != "subscribed":
                    assert answer["type"] != "error", answer
                yield answer

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        for thread in self.threads:
            thread.join(harness.PATIENCE)
        assert self.failures == []
        assert len(self.counts) == len(self.threads) and min(self.counts) > 0, self.counts


def test_keys_rotate_under_load_without_one_refusal(keys, tmp_path):
    file, revoked = tmp_path / "jwks.json", tmp_path / "revoked"
    now = jwk_of(keys, kid="now")
    others = [jwk(ec.generate_private_key(ec.SECP256R1()).public_key(), kid=f"other {n}") for n in range(3)]
    write(file, now)
    revoked.write_text("")
    with harness.Server(tmp_path / "home", "--jwks", file, "--revoked", revoked) as server:
        with Load(server, keys):
            for round in range(20):
                write(file, *others[:round % 3], now, *others[round % 3:])
                revoked.write_text("".join(f'jti "not {n}"\n' for n in range(round)))
                line = reload(server)
                assert f"keys={len(others) + 1}" in line and f"revocations={round}" in line
            # Bad files change nothing.
            file.write_text('{"keys":[')
            assert str(file) in reload(server, KEPT)
            write(file, now)
            revoked.write_text("jti\n")
            assert f"{revoked}, line 1" in reload(server, KEPT)


def test_a_key_that_is_taken_out_opens_nothing_any_more(keys, next_keys, tmp_path):
    file = tmp_path / "jwks.json"
    old = harness.mint(keys, [TOPIC], "broadcast", headers={"kid": "old"})
    new = harness.mint(next_keys, [TOPIC], "broadcast", headers={"kid": "new"})
    write(file, jwk_of(keys, kid="old"))
    with harness.Server(tmp_path / "home", "--jwks", file) as server:
        for jwks, tokens in [
            ([jwk_of(keys, kid="old"), jwk_of(next_keys, kid="new")], {old: 200, new: 200}),
            ([jwk_of(next_keys, kid="new")], {old: 401, new: 200}),
        ]:
            write(file, *jwks)
            reload(server)
            for token, status in tokens.items():
                answer = harness.publish(server, token, TOPIC, "m")
                assert answer.status == status
                assert status == 200 or answer.code == "token_signature"


def test_revoked_tokens_are_refused_on_every_transport_and_others_are_not(keys, make_server, tmp_path):
    revoked = tmp_path / "revoked"
    revoked.write_text("# nobody\n")
    server = make_server("--revoked", revoked)
    made = int(time.time()) - 10

    def token(scope, **more):
        return harness.mint(keys, [TOPIC], scope, **more)

    lost = dict(jti='a "lost" one'), dict(sub="mallory", iat=made), dict(sub="bob # 1", iat=made), dict(sub="bob # 1")
    kept = dict(jti="another"), dict(sub="bob # 1", iat=made + 20), dict(sub=7), dict(sub={"name": "mallory"}), dict()
    tokens = {scope: [[token(scope, **more) for more in group] for group in (lost, kept)]
              for scope in ("broadcast", "subscribe")}
    with harness.Subscriber(server, (TOPIC, tokens["subscribe"][1][0])) as subscriber, \
            harness.Envelopes(server) as client:
        # All are good, and remembered.
        for each in itertools.chain(*tokens["broadcast"]):
            assert harness.publish(server, each, TOPIC, "before").status == 200
            subscriber.expect("before")
        # The last one that opens the topic is good.
        for each in itertools.chain(*tokens["subscribe"]):
            client.subscribe(TOPIC, each)
        with revoked.open("a") as file:
            file.write(f'jti {json.dumps(lost[0]["jti"])}\nsub mallory   # left\n')
            file.write(f'sub "bob # 1" before {time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(made + 5))}\n')
        assert "revocations=3" in reload(server)

        for each in tokens["broadcast"][0]:
            answer = harness.publish(server, each, TOPIC, "lost")
            assert (answer.status, answer.code) == (401, "token_claims")
            assert "revoked" in answer.json["error"] and answer.headers["www-authenticate"].startswith("Bearer")
        for each in tokens["subscribe"][0]:
            answer = client.ask(type="subscribe", topic=TOPIC, token=each, id=1)
            assert (answer["type"], answer["code"], answer["id"]) == ("error", "token_claims", 1)
            answer = harness.request(server, "GET", harness.events_path(TOPIC, each))
            assert (answer.status, answer.code) == (401, "token_claims")
            subscriber.socket.send(f"/subscribe {TOPIC} {each}")
            assert subscriber.receive().startswith(f"Not allowed to subscribe to {TOPIC}: token was revoked")
        for each in tokens["subscribe"][1]:
            client.subscribe(TOPIC, each)
        for each in tokens["broadcast"][1]:
            assert harness.publish(server, each, TOPIC, "after").status == 200
            subscriber.expect("after")
        for word in ("mallory", "bob", "lost"):
            assert word not in server.output


def test_who_has_subscribed_with_a_token_is_closed_when_it_is_revoked(keys, make_server, tmp_path):
    revoked = tmp_path / "revoked"
    revoked.write_text("")
    server = make_server("--revoked", revoked)
    lost, kept = (harness.mint(keys, [TOPIC], jti=name) for name in ("lost", "kept"))
    with contextlib.ExitStack() as stack:
        text, staying = (stack.enter_context(harness.Subscriber(server, (TOPIC, token))) for token in (lost, kept))
        envelopes = stack.enter_context(harness.Envelopes(server))
        envelopes.subscribe(TOPIC, lost)
        streams = [stack.enter_context(harness.Events(server, TOPIC, lost, form=form)) for form in (harness.SSE, harness.NDJSON)]
        for stream in streams:
            assert stream.receive()["type"] == "subscribed"
        revoked.write_text("jti lost\n")
        reload(server)
        for socket in (text.socket, envelopes.socket):
            with pytest.raises(websockets.ConnectionClosed) as closed:
                socket.recv(timeout=harness.PATIENCE)
            assert closed.value.rcvd.code == 3000 and closed.value.rcvd.reason.startswith("token was revoked")
        for stream in streams:
            assert stream.response.read() == b""
        harness.publish(server, harness.mint(keys, [TOPIC], "broadcast"), TOPIC, "after")
        staying.expect("after")
    closed = [line for line in server.log if "connection closed" in line]
    assert len(closed) == 4 and all("code=revoked" in line for line in closed), closed


def test_a_listener_whose_token_is_revoked_comes_back_and_is_refused(keys, make_server, tmp_path):
    revoked = tmp_path / "revoked"
    revoked.write_text("")
    server = make_server("--revoked", revoked)
    token = harness.mint(keys, [TOPIC], sub="alice", iat=int(time.time()) - 5)
    environment = {**harness.clean_environment(tmp_path), "NOTIFLUX_TOKEN": token}
    with subprocess.Popen(
            [harness.binary(), "listen", TOPIC, "--json", "--url", server.url], env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as listen:
        try:
            # Once it gets messages it is subscribed.
            broadcast = harness.mint(keys, [TOPIC], "broadcast")
            harness.until(lambda: harness.publish(server, broadcast, TOPIC, "m").status == 200 and
                          select.select([listen.stdout], [], [], 0.1)[0], "a message")
            revoked.write_text("sub alice\n")
            reload(server)
            assert listen.wait(timeout=harness.PATIENCE) == 3
            assert "revoked" in listen.stderr.read()
        finally:
            listen.kill()


def test_revoked_tokens_count_as_bad_ones(keys, make_server, tmp_path):
    revoked = tmp_path / "revoked"
    revoked.write_text("jti lost\n")
    server = make_server("--revoked", revoked, "--bad-token-rate-per-address", "3/h")
    token = harness.mint(keys, [TOPIC], "broadcast", jti="lost")
    codes = [harness.publish(server, token, TOPIC, "m").code for _ in range(3)]
    assert codes == ["token_claims", "rate_limited", "rate_limited"]
