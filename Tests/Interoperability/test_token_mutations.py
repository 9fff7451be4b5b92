"""A fuzzer for tokens: good ones by PyJWT and by notiflux are changed in every way we could think of, and the server must
say of each what a second reading of the rules says, written here from the protocol alone. What it accepts, PyJWT and
OpenSSL must accept too.

NOTIFLUX_MUTANTS sets how many (10,000), NOTIFLUX_SEED the seed of the choices (1); signatures are random all the same, so
a failure prints the token.
"""

import base64
import collections
import concurrent.futures
import hashlib
import hmac
import http.client
import json
import math
import os
import random
import re
import time

import jwt
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

import harness

TOPIC = "guarded"
MUTANTS = int(os.environ.get("NOTIFLUX_MUTANTS", "10000"))
SEED = int(os.environ.get("NOTIFLUX_SEED", "1"))
CONNECTIONS = 4

STATUS = {
    "token_missing": 401, "token_malformed": 401, "token_signature": 401, "token_claims": 401, "token_expired": 401,
    "token_not_yet_valid": 401, "token_scope": 403, "topic_not_allowed": 403,
}
# The order of the curve P-256 and the prime of its field (SEC 2, §2.4.2).
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
PRIME = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
# No base64url of a part of a token may come back: longer than any word, cursor or topic of this test.
LEAK = re.compile(r"[A-Za-z0-9_-]{24,}")


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


# --- What a server may say, by the rules -------------------------------------------------------------------------------

class Refused(Exception):
    """With every code that fits."""

    def __init__(self, *codes):
        self.codes = set(codes)


def strict_base64url(text):
    """RFC 4648 §3.2, §3.3, §3.5: no padding, nothing foreign, no stray bits."""
    if not re.fullmatch(r"[A-Za-z0-9_-]*", text, re.ASCII) or len(text) % 4 == 1:
        raise Refused("token_malformed")
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if encode(data) != text:
        raise Refused("token_malformed")
    return data


def strict_object(data):
    """A JSON object (RFC 8259) in strict UTF-8, without a byte order mark, names once, at most 32 deep."""
    def once(pairs):
        if len({name for name, _ in pairs}) != len(pairs):
            raise ValueError("a name twice")
        return dict(pairs)

    def refuse(word):
        raise ValueError(word)

    def depth(value):
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
        return 0 if inner is None else 1 + max(map(depth, inner), default=0)

    try:
        text = data.decode("utf-8")
        if text.startswith("\N{ZERO WIDTH NO-BREAK SPACE}"):
            raise ValueError("byte order mark")
        value = json.loads(text, object_pairs_hook=once, parse_constant=refuse, parse_int=float)
        json.dumps(value, ensure_ascii=False).encode("utf-8")  # half a surrogate pair has no UTF-8
    except (ValueError, RecursionError):
        raise Refused("token_malformed") from None
    if not isinstance(value, dict) or depth(value) > 32:
        raise Refused("token_malformed")
    return value


def is_signed(parts, keys):
    """Whether OpenSSL takes the third part for a signature over the exact bytes of the first two."""
    raw = base64.urlsafe_b64decode(parts[2] + "==")
    r, s = (int.from_bytes(half, "big") for half in (raw[:32], raw[32:]))
    try:
        keys.verify(utils.encode_dss_signature(r, s), f"{parts[0]}.{parts[1]}".encode(), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def judge_form(token):
    """The payload's bytes. Every fault of form may be the one that is named."""
    if token == "":
        raise Refused("token_missing")
    if len(token.encode()) > 8192 or token.count(".") != 2:
        raise Refused("token_malformed")
    codes, read = set(), []
    for part in token.split("."):
        try:
            read.append(strict_base64url(part))
        except Refused as refused:
            codes |= refused.codes
            read.append(None)
    header, payload, signature = read
    if header is not None:
        try:
            codes |= judge_header(strict_object(header))
        except Refused as refused:
            codes |= refused.codes
    if signature is not None and len(signature) != 64:
        codes.add("token_signature")
    if codes:
        raise Refused(*codes)
    return payload


def judge_header(header):
    codes = set()
    algorithm = header.get("alg")
    if not isinstance(algorithm, str):
        codes.add("token_malformed")
    elif algorithm != "ES256":
        codes.add("token_signature")
    if any(name in header for name in ("crit", "jwk", "jku", "x5u", "x5c")) or header.get("b64", True) is not True:
        codes.add("token_malformed")
    if any(not isinstance(header.get(name, ""), str) for name in ("kid", "typ")):
        codes.add("token_malformed")
    return codes


def judge_claims(claims, now):
    def is_date(value):
        return isinstance(value, float) and math.isfinite(value)

    topics = claims.get("topics")
    good = (
        is_date(claims.get("exp"))
        and all(is_date(claims.get(name, 0.0)) for name in ("nbf", "iat"))
        and isinstance(claims.get("jti", ""), str)
        and isinstance(topics, list) and all(isinstance(topic, str) for topic in topics)
        and isinstance(claims.get("scope"), str) and claims["scope"] in ("subscribe", "broadcast")
        and "aud" not in claims)
    if not good:
        raise Refused("token_claims")
    times = [code for code, wrong in (
        ("token_expired", now >= claims["exp"]), ("token_not_yet_valid", now < claims.get("nbf", -math.inf))) if wrong]
    if times:
        raise Refused(*times)
    if claims["scope"] != "broadcast":
        raise Refused("token_scope")
    if TOPIC not in topics:
        raise Refused("topic_not_allowed")


def admissible(token, public):
    """The codes a publish to TOPIC may be refused with; none where it must be accepted."""
    try:
        payload = judge_form(token)
        if not is_signed(token.split("."), public):
            raise Refused("token_signature")
        judge_claims(strict_object(payload), time.time())
    except Refused as refused:
        return refused.codes
    return set()


# --- Mutants -----------------------------------------------------------------------------------------------------------

# Values as JSON text, for any member.
ODD = [
    "null", "true", "false", "0", "-0", "-1", "1", "1.5", "1e400", "-1e400", "1e-400", '""', '"x"', '"\\u0000"', "[]",
    "{}", "[null]", '{"a":[{}]}', '"\\ud83d\\ude00"', '"é"', '"e\u0301"', "[" * 29 + "]" * 29, "[" * 40 + "]" * 40,
]
# Nothing like a JSON value.
BROKEN = [
    "", "NaN", "Infinity", "-Infinity", "01", "+1", ".5", "1.", "1e", "0x10", "1_000", "'x'", '"\\x41"', '"\\ud800"',
    '"\x01"', '"x', "[1,]", '{"a":1,}', "{a:1}", "tru", "True", "undefined", "/**/1", "[1 2]", "\u00a01", "１",
]
HEADER = {
    "alg": [
        '"ES256"', '"ES\\u003256"', '"es256"', '"Es256"', '"ES256 "', '" ES256"', '"ES256\\u0000"', '"ES384"', '"ES512"',
        '"ES256K"', '"EdDSA"', '"none"', '"None"', '"NONE"', '"nOnE"', '"HS256"', '"HS512"', '"RS256"', '"PS256"', '""',
        '["ES256"]', '{"alg":"ES256"}', '"ＥＳ256"', '"E\u0405256"'],
    "typ": ['"JWT"', '"jwt"', '"at+jwt"', '"JOSE"', '"application/jwt"'],
    "cty": ['"JWT"', '"json"'],
    "kid": ['"KID"', '"../../../dev/null"', "\"' OR 1=1 --\"", '"http://127.0.0.1/"', '"' + "k" * 2000 + '"'],
    "crit": ['["exp"]', '["b64"]', '["alg"]', "[]"],
    "b64": ["true", "false", '"false"'],
    "jwk": ["JWK", "{}"], "jku": ['"http://127.0.0.1/keys"'], "x5u": ['"http://127.0.0.1/key"'], "x5c": ['["MIIB"]'],
    "x5t": ['"abc"'], "zip": ['"DEF"'], "enc": ['"A128GCM"'], "epk": ["JWK"], "Alg": ['"none"'], "ALG": ['"none"'],
}
PAYLOAD = {
    "exp": [
        "FUTURE", "FUTURE.75", "FUTUREe0", "FUTURE.0E+0", "4e9", "4E+09", "0.4e10", "4000000000000000e-6", "1e308", "1e309",
        "9" * 400, "9" * 30, "18446744073709551617", "-FUTURE", "-1e308", '"FUTURE"', "[FUTURE]", "PAST", "PAST.5",
        "PASTe0", "1e9", "PAST.9E+0", "0.5", '"never"'],
    "nbf": ["PAST", "PAST.5", "FUTURE", "FUTURE.5", "-1e300", "1e300", '"PAST"', "-0.0"],
    "iat": ["PAST", "FUTURE", "1e300", '"PAST"'],
    "scope": [
        '"broadcast"', '"subscribe"', '"br\\u006fadcast"', '"Broadcast"', '"broadcast "', '"broadcast\\u0000"', '"admin"',
        '"subscribe broadcast"', '["broadcast"]', '["subscribe","broadcast"]'],
    "topics": [
        '["guarded"]', '["other","guarded"]', '["guarded","guarded"]', '["gu\\u0061rded"]', '["guarded",1]',
        '["guarded",null]', '[["guarded"]]', '{"0":"guarded"}', '"guarded"', '["*"]', '["guard*"]', '[".*"]', '["#"]',
        '["Guarded"]', '["guarded "]', '["guarded\\u0000"]', '["guarde"]', '["guardedx"]', '["guarded","\\u0000"]',
        '["g\u0443arded"]', '["' + "x" * 5900 + '"]', '["guarded"' + ',"t"' * 900 + "]"],
    "aud": ['"notiflux"', '["notiflux"]'],
    "sub": ['"someone"', "42"], "jti": ['"1"', '"1\\u0000"'], "iss": ['"issuer"'], "Exp": ["PAST"], "topic": ['"guarded"'],
}


class Mutator:
    """Makes mutants of good tokens; the choices follow from the seed."""

    def __init__(self, tokens, keys, other_keys, seed):
        self.tokens = tokens
        self.random = random.Random(seed)
        self.key, self.other_key = (
            serialization.load_pem_private_key(pair.private.read_bytes(), None) for pair in (keys, other_keys))
        self.public_pem = keys.public.read_bytes()
        self.jwk = jwt.algorithms.ECAlgorithm.to_jwk(self.other_key.public_key())
        self.kid = thumbprint(self.key.public_key())
        self.now = int(time.time())

    def mutant(self):
        chance = self.random.random()
        if chance < 0.55:
            return self.signed_anew()
        if chance < 0.75:
            return self.other_signature(self.random.choice(self.tokens))
        return self.other_text(self.random.choice(self.tokens))

    # Header and claims

    def signed_anew(self):
        """Changed before it is signed, so that only the change itself can be the reason to refuse it."""
        header, payload = [self.members(part) for part in self.random.choice(self.tokens).split(".")[:2]]
        for _ in range(self.random.choice([0, 1, 1, 1, 2, 3])):
            members, table = self.random.choice([(header, HEADER), (payload, PAYLOAD), (payload, PAYLOAD)])
            self.change(members, table)
        texts = [self.json(header), self.json(payload)]
        if self.random.random() < 0.15:
            place = self.random.randrange(2)
            texts[place] = self.broken(texts[place])
        signed = ".".join(encode(text) for text in texts)
        if self.random.random() < 0.05:
            signed = self.other_text(signed)
        token = self.sign(signed)
        return self.other_signature(token) if self.random.random() < 0.1 else token

    @staticmethod
    def members(part):
        return [[json.dumps(name), json.dumps(value)] for name, value in
                json.loads(base64.urlsafe_b64decode(part + "==")).items()]

    def change(self, members, table):
        pick = self.random.random()
        name = self.random.choice(list(table))
        if pick < 0.6:
            self.put(members, name, self.random.choice(table[name]))
        elif pick < 0.65:
            self.put(members, name, "null")  # which many readers take for absent
        elif pick < 0.75:
            self.put(members, name, self.random.choice(ODD))
        elif pick < 0.8:
            self.put(members, name, self.random.choice(BROKEN))
        elif pick < 0.85:
            self.put(members, "x" * self.random.choice([1, 7, 8, 3000, 7000]), self.random.choice(ODD))
        elif pick < 0.92 and members:
            members.remove(self.random.choice(members))
        elif members:
            # A second member of the same name, in another spelling at times.
            twin, value = self.random.choice(members)
            if len(twin) > 2 and self.random.random() < 0.5:
                place = self.random.randrange(1, len(twin) - 1)
                twin = twin[:place] + f"\\u{ord(twin[place]):04x}" + twin[place + 1:]
            members.insert(self.random.randint(0, len(members)), [twin, value])

    def put(self, members, name, value):
        for word, meaning in (("FUTURE", self.now + 10**9), ("PAST", self.now - 1000), ("JWK", self.jwk), ("KID", self.kid)):
            value = value.replace(word, str(meaning))
        members[:] = [member for member in members if member[0] != json.dumps(name)]
        members.insert(self.random.randint(0, len(members)), [json.dumps(name), value])

    def json(self, members):
        def space():
            return self.random.choice([" ", "\n", "\t\r\n "]) if self.random.random() < 0.05 else ""

        inner = ",".join(f"{space()}{name}{space()}:{space()}{value}{space()}" for name, value in members)
        return f"{space()}{{{inner}}}{space()}".encode()

    def broken(self, text):
        """Bytes in place of a JSON object."""
        place = self.random.randint(0, len(text))
        return self.random.choice([
            b"", b"{}", b"[]", b"null", b"1", b'"x"', b"{", text[:place], text + text, text + b"\0", b"\xef\xbb\xbf" + text,
            b"[" + text + b"]", text.decode().encode("utf-16"), text[:place] + b"\xff" + text[place:],
            text[:place] + b"\xc0\xaf" + text[place:], text[:place] + b"\xed\xa0\x80" + text[place:],
            text[:place] + bytes([self.random.randrange(256)]) + text[place + 1:], text.replace(b":", b"=", 1),
            text.replace(b'"', b"'"), text + b"//", text.replace(b",", b",,", 1), text.replace(b",", "\u00a0,".encode(), 1),
        ])

    # Signatures

    def sign(self, signed, key=None, algorithm=None):
        return f"{signed}.{encode(raw((key or self.key).sign(signed.encode(), algorithm or ec.ECDSA(hashes.SHA256()))))}"

    def other_signature(self, token):
        """The first two parts with another third; some of these are good ones."""
        if token.count(".") != 2:
            return token
        signed, _, last = token.rpartition(".")
        data = base64.urlsafe_b64decode(re.sub(r"[^A-Za-z0-9_-]", "", last) + "==") if len(last) % 4 != 1 else b""
        r, s = (int.from_bytes(half, "big") for half in (data[:32], data[32:64]))
        odd = [0, 1, ORDER, ORDER - 1, ORDER + 1, PRIME, 2**256 - 1, ORDER // 2]
        choice = self.random.randrange(16)
        match choice:
            case 0: signature = number(r) + number((ORDER - s) % ORDER)  # as good as s (SEC 1, §4.1.4)
            case 1: signature = number(self.random.choice(odd)) + number(s)
            case 2: signature = number(r) + number(self.random.choice(odd))
            case 3: signature = number(self.random.choice(odd)) + number(self.random.choice(odd))
            case 4: signature = number(s) + number(r)
            case 5: signature = utils.encode_dss_signature(r, s)
            case 6: signature = utils.encode_dss_signature(r, s)[:64].ljust(64, b"\0")
            case 7: signature = data[:self.random.randint(0, 63)]
            case 8: signature = data + bytes(self.random.randint(1, 64))
            case 9: signature = bytes(self.random.randint(1, 3)) + data
            case 10: return self.sign(signed, key=self.other_key)
            case 11: return self.sign(signed, algorithm=ec.ECDSA(hashes.SHA384()))
            case 12: signature = hmac.digest(self.public_pem, signed.encode(), hashlib.sha256) * 2
            case 13: signature = raw(self.key.sign(self.random.choice([b"", data, signed[::-1].encode()]),
                                                   ec.ECDSA(hashes.SHA256())))
            case 14: signature = data[:31] + bytes([data[31] ^ 1]) + data[32:] if len(data) == 64 else b""
            case _: return self.sign(signed)
        return f"{signed}.{encode(signature)}"

    # The compact form

    def other_text(self, token):
        """Changed where it stands; what was signed stays as it was."""
        place = self.random.randrange(len(token))
        parts = token.split(".")
        other = self.random.choice(self.tokens).split(".")
        odd = self.random.choice([
            "=", "==", "+", "/", ".", " ", "\n", "\r\n", "\t", "\0", "%3D", "%2E", "é", "\u200b", "\ufeff", "．", "～", "~", "*",
            "A", "-", "_", '"', "\\"])
        choice = self.random.randrange(18)
        match choice:
            case 0: return token[:place] + chr(ord(token[place]) ^ 1 << self.random.randrange(7)) + token[place + 1:]
            case 1: return token[:place] + odd + token[place:]
            case 2: return token[:place] + odd + token[place + 1:]
            case 3: return token[:place] + token[place + self.random.randint(1, 8):]
            case 4: return token[:place] + token[place:place + 9] + token[place:]
            case 5: return token + odd
            case 6: return odd + token
            case 7: return token.swapcase() if place % 2 else token[:place] + token[place].swapcase() + token[place + 1:]
            case 8: return ".".join(self.random.sample(parts, len(parts)))
            case 9: return ".".join(self.random.choice(pair) for pair in zip(parts, other))
            case 10: return ".".join(parts + [self.random.choice(["", "x", parts[-1]])])
            case 11: return ".".join(parts[:self.random.randrange(len(parts))])
            case 12: return ".".join(self.stray_bits(part) if self.random.random() < 0.5 else part for part in parts)
            case 13: return ".".join(part + "=" * (-len(part) % 4) for part in parts)
            case 14: return self.random.choice(["Bearer ", "bearer ", "JWT ", '"']) + token
            case 15: return json.dumps(dict(zip(("protected", "payload", "signature"), parts)))  # RFC 7515 §7.2.2
            case 16: return token + "A" * self.random.choice([1, 4, 8192 - len(token), 8193 - len(token), 10_000])
            case _: return token.replace(*self.random.choice([(".", ""), (".", ".."), (".", ","), ("-", "+"), ("_", "/")]))

    @staticmethod
    def stray_bits(part):
        """The same bytes in a spelling that lenient decoders take."""
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        return part[:-1] + alphabet[alphabet.index(part[-1]) | 1] if part and part[-1] in alphabet else part


def number(value):
    return value.to_bytes(32, "big")


def raw(der):
    return b"".join(map(number, utils.decode_dss_signature(der)))


def thumbprint(public):
    """RFC 7638 §3."""
    jwk = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(public))
    members = json.dumps({name: jwk[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":"))
    return encode(hashlib.sha256(members.encode()).digest())


# --- The test ----------------------------------------------------------------------------------------------------------

def ask(server, tokens):
    """The answers of the server to a publish with each of the tokens, over one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=harness.PATIENCE)
    answers = []
    for place, token in enumerate(tokens):
        body, headers = {"topic": TOPIC, "message": "m"}, {"Content-Type": "application/json"}
        # In a field, what is outside of visible ASCII would be a matter of HTTP and not of tokens.
        if place % 2 and re.fullmatch(r"[!-~]{1,9000}", token):
            headers["Authorization"] = f"Bearer {token}"
        else:
            body["token"] = token
        connection.request("POST", "/broadcast", json.dumps(body), headers)
        response = connection.getresponse()
        answers.append(harness.Answer(
            response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()))
    connection.close()
    return answers


def check(token, answer, public, public_pem):
    """The code of the answer, "accepted" where there is none; it must be one the rules allow."""
    codes = admissible(token, public)
    if answer.status == 200:
        assert not codes, (codes, token)
        assert harness.CURSOR.fullmatch(answer.json["cursor"])
        # `sub` may be anything here, and `iat` is not judged (RFC 7519 §4.1.6).
        options = {"require": ["exp"], "verify_sub": False, "verify_iat": False}
        jwt.decode(token, public_pem, algorithms=["ES256"], options=options)
        return "accepted"
    assert answer.code in codes, (answer.body, codes, token)
    assert answer.status == STATUS[answer.code], answer.body
    assert answer.status != 401 or answer.headers["www-authenticate"] == "Bearer"
    assert not LEAK.search(answer.json["error"]), (answer.body, token)
    return answer.code


def test_no_mutant_of_a_token_is_taken_for_what_it_is_not(make_server, cli, keys, other_keys):
    server = make_server(NOTIFLUX_BAD_TOKEN_RATE=0)

    def made(*options):
        done = cli("token", "broadcast", *options, "--key", keys.private, "--ttl", "30d")
        assert done.returncode == 0, done.stderr
        return done.stdout.decode().strip()

    forever = {"ttl": 10**8}
    now = int(time.time())
    tokens = [
        harness.mint(keys, [TOPIC], "broadcast", **forever),
        harness.mint(keys, ["first", TOPIC, "ünïcode"], "broadcast", sub="someone", iat=now, nbf=now - 60, jti="1", **forever),
        harness.mint(keys, [TOPIC], "broadcast", headers={"kid": "unknown"}, exp=now + 10**8 + 0.5),
        harness.mint(keys, [TOPIC], "subscribe", **forever),
        harness.mint(keys, ["other"], "broadcast", **forever),
        made(TOPIC), made("other", TOPIC, "--kid", "--subject", "someone"),
    ]
    mutator = Mutator(tokens, keys, other_keys, SEED)
    public = mutator.key.public_key()
    counts = collections.Counter()
    left = MUTANTS
    with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as pool:
        while left > 0:
            mutants = tokens + [mutator.mutant() for _ in range(min(left, 2000) - len(tokens))]
            shares = [mutants[place::CONNECTIONS] for place in range(CONNECTIONS)]
            for share, answers in zip(shares, pool.map(lambda share: ask(server, share), shares)):
                counts.update(check(token, answer, public, mutator.public_pem) for token, answer in zip(share, answers))
            left -= len(mutants)
    print(dict(counts.most_common()))
    # A fuzzer that reaches only one rule shows nothing.
    assert set(counts) == {"accepted", *STATUS} and counts["accepted"] < sum(counts.values()) / 2, counts
    assert not LEAK.search(server.output)
