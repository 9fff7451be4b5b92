"""Tokens both ways: PyJWT reads ours, the server reads PyJWT's, and refuses every one that is not right."""

import base64
import hashlib
import hmac
import json
import re
import time

import jwt
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

import harness

TOPIC = "guarded"


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(keys, header, payload, raw=True):
    """A token put together by hand, signed with ES256."""
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    payload = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    signed = f"{encode(header)}.{encode(payload)}"
    key = serialization.load_pem_private_key(keys.private.read_bytes(), None)
    signature = key.sign(signed.encode(), ec.ECDSA(hashes.SHA256()))
    if raw:
        r, s = utils.decode_dss_signature(signature)
        signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    return f"{signed}.{encode(signature)}"


def unsigned(scope):
    return jwt.encode(harness.claims([TOPIC], scope), None, algorithm="none")


def signed_with_public_key(keys, scope):
    """The classic: HS256 with the bytes of the public key's PEM as the secret."""
    parts = b'{"alg":"HS256","typ":"JWT"}', json.dumps(harness.claims([TOPIC], scope)).encode()
    signed = ".".join(map(encode, parts))
    return f"{signed}.{encode(hmac.digest(keys.public.read_bytes(), signed.encode(), hashlib.sha256))}"


def of_other_curve(folder, scope):
    return harness.mint(harness.Keys.make(folder, "secp384r1"), [TOPIC], scope, algorithm="ES384")


def tampered(keys, scope):
    """A good token whose claims were changed after signing."""
    header, _, signature = harness.mint(keys, ["harmless"], scope).split(".")
    return f"{header}.{encode(json.dumps(harness.claims([TOPIC], scope)).encode())}.{signature}"


def self_signed(keys, scope):
    """Signed with a key that comes along in the header."""
    key = serialization.load_pem_private_key(keys.private.read_bytes(), None)
    jwk = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key()))
    return harness.mint(keys, [TOPIC], scope, headers={"jwk": jwk})


def other_last_bits(token):
    """The same signature in a second spelling: the last character's two unused bits set."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) | 1]


def with_text_appended(keys, scope, text):
    payload = json.dumps(harness.claims([TOPIC], scope)).encode()
    return sign(keys, {"alg": "ES256"}, payload[:-1] + text + b"}")


# name: (code, HTTP status, how to make it from (keys, other keys, folder, scope)).
BAD = {
    "none at all": ("token_missing", 401, lambda k, o, f, s: None),
    "no token": ("token_malformed", 401, lambda k, o, f, s: "x"),
    "two parts": ("token_malformed", 401, lambda k, o, f, s: harness.mint(k, [TOPIC], s).rsplit(".", 1)[0]),
    "four parts": ("token_malformed", 401, lambda k, o, f, s: harness.mint(k, [TOPIC], s) + ".x"),
    "longer than 8 KiB": (
        "token_malformed", 401, lambda k, o, f, s: harness.mint(k, [TOPIC] + ["x" * 200] * 50, s)),
    "expired": ("token_expired", 401, lambda k, o, f, s: harness.mint(k, [TOPIC], s, exp=int(time.time()) - 12)),
    "expired by a fraction": ("token_expired", 401, lambda k, o, f, s: harness.mint(k, [TOPIC], s, exp=time.time() - 0.5)),
    "not valid yet": ("token_not_yet_valid", 401, lambda k, o, f, s: harness.mint(k, [TOPIC], s, nbf=int(time.time()) + 60)),
    "unsigned": ("token_signature", 401, lambda k, o, f, s: unsigned(s)),
    "HS256 with the public key": ("token_signature", 401, lambda k, o, f, s: signed_with_public_key(k, s)),
    "another curve": ("token_signature", 401, lambda k, o, f, s: of_other_curve(f, s)),
    "an unknown key": ("token_signature", 401, lambda k, o, f, s: harness.mint(o, [TOPIC], s)),
    "a key of its own in the header": ("token_malformed", 401, lambda k, o, f, s: self_signed(o, s)),
    "tampered with": ("token_signature", 401, lambda k, o, f, s: tampered(k, s)),
    "an empty signature": (
        "token_signature", 401, lambda k, o, f, s: harness.mint(k, [TOPIC], s).rsplit(".", 1)[0] + "."),
    "a zero signature": (
        "token_signature", 401,
        lambda k, o, f, s: harness.mint(k, [TOPIC], s).rsplit(".", 1)[0] + "." + encode(bytes(64))),
    "a DER signature": (
        "token_signature", 401,
        lambda k, o, f, s: sign(k, {"alg": "ES256"}, harness.claims([TOPIC], s), raw=False)),
    "a signature spelled otherwise": (
        "token_malformed", 401, lambda k, o, f, s: other_last_bits(harness.mint(k, [TOPIC], s))),
    "padding": ("token_malformed", 401, lambda k, o, f, s: harness.mint(k, [TOPIC], s) + "=="),
    "a critical extension": (
        "token_malformed", 401, lambda k, o, f, s: harness.mint(k, [TOPIC], s, headers={"crit": ["x"], "x": 1})),
    "claims that are no JSON": ("token_malformed", 401, lambda k, o, f, s: sign(k, {"alg": "ES256"}, b"{")),
    "claims that are no object": ("token_malformed", 401, lambda k, o, f, s: sign(k, {"alg": "ES256"}, b"[]")),
    "a claim twice": (
        "token_malformed", 401, lambda k, o, f, s: with_text_appended(k, s, b',"scope":"' + s.encode() + b'"')),
    "no exp": ("token_claims", 401, lambda k, o, f, s: harness.mint(k, [TOPIC], s, exp=None)),
    "exp as a string": ("token_claims", 401, lambda k, o, f, s: sign(
        k, {"alg": "ES256"}, harness.claims([TOPIC], s, exp="2999999999"))),
    "no topics": ("token_claims", 401, lambda k, o, f, s: harness.mint(k, None, s)),
    "topics as a string": ("token_claims", 401, lambda k, o, f, s: harness.mint(k, TOPIC, s)),
    "topics of numbers": ("token_claims", 401, lambda k, o, f, s: harness.mint(k, [TOPIC, 1], s)),
    "no scope": ("token_claims", 401, lambda k, o, f, s: harness.mint(k, [TOPIC], None)),
    "an unknown scope": ("token_claims", 401, lambda k, o, f, s: harness.mint(k, [TOPIC], "admin")),
    "an audience": ("token_claims", 401, lambda k, o, f, s: harness.mint(k, [TOPIC], s, aud="someone else")),
    "the other scope": ("token_scope", 403, lambda k, o, f, s: harness.mint(
        k, [TOPIC], "broadcast" if s == "subscribe" else "subscribe")),
    "another topic": ("topic_not_allowed", 403, lambda k, o, f, s: harness.mint(k, [TOPIC + "x"], s)),
    "another topic's case": ("topic_not_allowed", 403, lambda k, o, f, s: harness.mint(k, [TOPIC.upper()], s)),
    "a pattern": ("topic_not_allowed", 403, lambda k, o, f, s: harness.mint(k, ["*", "guard*", ""], s)),
}


@pytest.mark.parametrize("name", BAD)
def test_a_publish_with_a_bad_token_is_refused_and_delivers_nothing(server, keys, other_keys, tmp_path, name):
    code, status, make = BAD[name]
    with harness.Subscriber(server, (TOPIC, harness.mint(keys, [TOPIC]))) as subscriber:
        token = make(keys, other_keys, tmp_path / "k", "broadcast")
        answer = harness.publish(server, token, TOPIC, "must not arrive")
        assert (answer.status, answer.code) == (status, code), answer.body
        if status == 401:
            assert answer.headers["www-authenticate"].split()[0] == "Bearer"
        # Nothing of the token comes back, nor into the log.
        for part in (token or "").split("."):
            if len(part) > 20:
                assert part.encode() not in answer.body
                assert part not in server.output
        harness.expect_nothing_but(server, subscriber, keys, TOPIC)


@pytest.mark.parametrize("name", [name for name in BAD if name not in ("none at all",)])
def test_a_subscription_with_a_bad_token_is_refused_and_delivers_nothing(server, keys, other_keys, tmp_path, name):
    _, _, make = BAD[name]
    token = make(keys, other_keys, tmp_path / "k", "subscribe")
    with harness.Subscriber(server, ("control", harness.mint(keys, ["control"]))) as subscriber:
        subscriber.socket.send(f"/subscribe {TOPIC} {token}")
        refusal = subscriber.receive()
        start = f"Not allowed to subscribe to {TOPIC}: "
        assert refusal.startswith(start) and len(refusal) > len(start)
        assert "\n" not in refusal
        for part in token.split("."):
            assert len(part) <= 20 or part not in refusal
        assert harness.publish(
            server, harness.mint(keys, [TOPIC], "broadcast"), TOPIC, "must not arrive").status == 200
        harness.expect_nothing_but(server, subscriber, keys, "control")


def test_an_expired_token_is_told_since_when(server, keys):
    answer = harness.publish(
        server, harness.mint(keys, [TOPIC], "broadcast", exp=int(time.time()) - 12), TOPIC, "m")
    assert re.search(r"expired 1[234] s ago", answer.json["error"])


def test_leeway_moves_both_ends_and_is_0_unless_given(server, make_server, keys):
    now = time.time()
    lenient = make_server("--leeway", "1m")
    for times, strict, mild in [
        ({"exp": now - 30}, "token_expired", None), ({"exp": now - 90}, "token_expired", "token_expired"),
        ({"nbf": now + 30}, "token_not_yet_valid", None), ({"nbf": now + 90}, "token_not_yet_valid", "token_not_yet_valid"),
    ]:
        token = harness.mint(keys, [TOPIC], "broadcast", **times)
        for place, code in ((server, strict), (lenient, mild)):
            answer = harness.publish(place, token, TOPIC, "m")
            assert answer.status == 200 if code is None else answer.code == code, (times, answer.body)


GOOD = {
    "plain": {},
    "exp with a fraction": {"exp": time.time() + 36000.25},
    "sub as a number": {"sub": 42},
    "sub as an object": {"sub": {"id": 1}},
    "iat, jti, nbf": {"iat": int(time.time()), "nbf": int(time.time()) - 5, "jti": "1"},
    "unknown claims": {"roles": ["a", {"b": None}]},
    "a kid nobody knows": {"headers": {"kid": "unknown"}},
    "no typ": {"headers": {"typ": None}},
}


@pytest.mark.parametrize("name", GOOD)
def test_good_tokens_by_pyjwt_are_accepted_both_ways(server, keys, name):
    more = dict(GOOD[name])
    headers = more.pop("headers", None)
    header = {"alg": "ES256", "typ": "JWT", **(headers or {})}
    header = {member: value for member, value in header.items() if value is not None}

    def token(scope):
        return sign(keys, header, harness.claims([TOPIC, "more"], scope, **more)) if "sub" in more or headers \
            else harness.mint(keys, [TOPIC, "more"], scope, **more)

    with harness.Subscriber(server, (TOPIC, token("subscribe"))) as subscriber:
        assert harness.publish(server, token("broadcast"), TOPIC, name).status == 200
        subscriber.expect(name)


@pytest.mark.parametrize("scope", ["subscribe", "broadcast"])
@pytest.mark.parametrize("form", ["private", "sec1"])
def test_pyjwt_accepts_our_tokens(cli, keys, scope, form):
    before = time.time()
    done = cli("token", scope, "news", "sports news", "--key", getattr(keys, form), "--ttl", "90s", "--subject", "me")
    assert done.returncode == 0 and done.stderr == b""
    assert re.fullmatch(rb"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\n", done.stdout)
    token = done.stdout.decode().strip()
    read = jwt.decode(token, keys.public.read_bytes(), algorithms=["ES256"], options={"require": ["exp"]})
    assert read["topics"] == ["news", "sports news"]
    assert (read["scope"], read["sub"]) == (scope, "me")
    assert before + 89 <= read["exp"] <= time.time() + 91
    assert jwt.get_unverified_header(token)["alg"] == "ES256"


def test_a_kid_is_the_thumbprint_of_rfc_7638(cli, keys):
    token = cli("token", "subscribe", "news", "--key", keys.private, "--kid").stdout.decode().strip()
    public = serialization.load_pem_public_key(keys.public.read_bytes())
    jwk = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(public))
    members = json.dumps({name: jwk[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":"))
    assert jwt.get_unverified_header(token)["kid"] == encode(hashlib.sha256(members.encode()).digest())


@pytest.mark.parametrize("variable", ["NOTIFLUX_PRIVATE_KEY_FILE", "NOTIFLUX_PRIVATE_KEY_B64"])
def test_the_key_may_come_from_the_environment(cli, keys, variable):
    value = keys.private if variable.endswith("FILE") else base64.b64encode(keys.private.read_bytes()).decode()
    done = cli("token", "subscribe", "news", env={variable: value})
    assert done.returncode == 0, done.stderr.decode()
    jwt.decode(done.stdout.decode().strip(), keys.public.read_bytes(), algorithms=["ES256"])


def test_openssl_accepts_the_keys_of_keygen_and_pyjwt_signs_with_them(cli, make_server, tmp_path):
    folder = tmp_path / "made"
    assert cli("keygen", "--out-dir", folder).returncode == 0
    private, public = folder / "es256_private.pem", folder / "es256_public.pem"
    assert harness.openssl("pkey", "-in", private, "-pubout") == public.read_bytes()
    assert private.read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----")
    made = harness.Keys(private, private, public)
    server = make_server("--public-key", public)  # beside the fixture's key: both are active
    assert harness.publish(server, harness.mint(made, [TOPIC], "broadcast"), TOPIC, "m").status == 200


def test_the_public_key_may_come_from_the_environment(keys, tmp_path):
    # Line breaks, as `base64` makes them, are allowed.
    text = base64.encodebytes(keys.public.read_bytes()).decode()
    assert "\n" in text.strip()
    with harness.Server(tmp_path / "home", JWT_PUBLIC_KEY_B64=text) as server:
        assert harness.publish(server, harness.mint(keys, [TOPIC], "broadcast"), TOPIC, "m").status == 200


def test_inspect_tells_what_a_server_would_say(cli, keys, other_keys):
    good = harness.mint(keys, ["news"], "subscribe", sub="someone")
    done = cli("token", "inspect", "-", "--public-key", keys.public, stdin=good + "\n")
    assert done.returncode == 0, done.stderr.decode()
    for word in (b"ES256", b"news", b"subscribe", b"someone"):
        assert word in done.stdout
    bad = harness.mint(other_keys, "news", "admin", exp=int(time.time()) - 60, aud="x")
    done = cli("token", "inspect", bad, "--public-key", keys.public)
    assert done.returncode == 1
    for word in (b"token_signature", b"token_claims", b"token_expired"):
        assert word in done.stdout + done.stderr
