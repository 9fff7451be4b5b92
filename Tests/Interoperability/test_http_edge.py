"""The edge of HTTP, over raw sockets: what RFC 9110 and RFC 9112 leave no choice about, and what is refused.

Each case is the bytes a client sends and the statuses it gets. Behind each stands one more request, `PROBE`: where the
connection is kept it is answered last; where it is not, the bytes behind a refused request must never be taken for one
(RFC 9112 §11.2). The same table runs against the plain server and against the one with TLS.
"""

import concurrent.futures
import contextlib
import dataclasses
import json
import re
import socket
import ssl
import time

import pytest

import harness

PROBE = b"GET /ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"
HEAD_LIMIT = 32 * 1024
HEAD_SECONDS, BODY_SECONDS = 10, 60


def head(method="GET", target="/health", fields="", version="HTTP/1.1", host="Host: x\r\n"):
    """A request head; texts are Latin-1, so that any byte can stand in them."""
    return f"{method} {target} {version}\r\n{host}{fields}\r\n".encode("latin-1")


def field(line):
    """A request with one more field line in the midst of good ones."""
    return head(fields=f"A: 1\r\n{line}\r\nB: 2\r\n")


def body(fields, content):
    """A publish that no token allows: 401 says that its body was read to its end, and as JSON."""
    return head("POST", "/broadcast", f"{fields}\r\n") + content


GOOD = b'{"topic":"a","message":"m"}'
LENGTH = f"Content-Length: {len(GOOD)}"
CHUNKED = "Transfer-Encoding: chunked"
CHUNKS = b"%x\r\n%s\r\n0\r\n\r\n" % (len(GOOD), GOOD)


def chunked(content):
    return body(CHUNKED, content)


def long_field(size):
    """A request whose head has that many bytes."""
    return field("C: " + "x" * (size - len(field("C: "))))


# Group: (section, what, bytes, statuses). Statuses that end with PROBED: the connection is kept.
PROBED = 200
CASES = {
    "lengths": [
        ("9112 §6.2", "a body with its length", body(LENGTH, GOOD), [401, PROBED]),
        ("9112 §6.3", "no length means no body", head("POST", "/broadcast"), [400, PROBED]),
        ("9112 §6.2", "leading zeros", body("Content-Length: 00027", GOOD), [401, PROBED]),
        ("9110 §8.6", "blanks and tabs around", body("Content-Length:\t 27 \t", GOOD), [401, PROBED]),
        ("9110 §8.6", "a GET with a body", head(fields="Content-Length: 5\r\n") + b"GET /", [200, PROBED]),
        ("9112 §11.2", "two, different", body(f"{LENGTH}\r\nContent-Length: 0", GOOD), [400]),
        ("9112 §6.3", "two, the same", body(f"{LENGTH}\r\n{LENGTH}", GOOD), [400]),
        ("9112 §6.3", "two, in other case", body(f"{LENGTH}\r\ncontent-length: 0", GOOD), [400]),
        ("9110 §8.6", "a list of the same", body("Content-Length: 27, 27", GOOD), [400]),
        ("9110 §8.6", "a list", body("Content-Length: 27,28", GOOD), [400]),
        ("9110 §8.6", "plus", body("Content-Length: +27", GOOD), [400]),
        ("9110 §8.6", "minus", body("Content-Length: -1", GOOD), [400]),
        ("9110 §8.6", "minus zero", body("Content-Length: -0", GOOD), [400]),
        ("9110 §8.6", "empty", body("Content-Length:", GOOD), [400]),
        ("9110 §8.6", "blanks alone", body("Content-Length:  \t", GOOD), [400]),
        ("9110 §8.6", "a blank inside", body("Content-Length: 2 7", GOOD), [400]),
        ("9110 §8.6", "hexadecimal", body("Content-Length: 0x1b", GOOD), [400]),
        ("9110 §8.6", "octal", body("Content-Length: 0o33", GOOD), [400]),
        ("9110 §8.6", "a fraction", body("Content-Length: 27.0", GOOD), [400]),
        ("9110 §8.6", "an exponent", body("Content-Length: 27e0", GOOD), [400]),
        ("9110 §8.6", "an underscore", body("Content-Length: 2_7", GOOD), [400]),
        ("9110 §8.6", "quotes", body('Content-Length: "27"', GOOD), [400]),
        ("9110 §8.6", "a parameter", body("Content-Length: 27;x", GOOD), [400]),
        ("9110 §8.6", "other digits", body("Content-Length: \xb2\xb7", GOOD), [400]),
        ("9110 §8.6", "a vertical tab", body("Content-Length: \x0b27", GOOD), [400]),
        ("9110 §8.6", "2^64 + 27", body("Content-Length: 18446744073709551643", GOOD), [400]),
        ("9110 §8.6", "2^32 + 27", body("Content-Length: 4294967323", GOOD), [413]),
        ("9110 §8.6", "2^63 - 1", body("Content-Length: 9223372036854775807", GOOD), [400]),
        ("9110 §8.6", "18 digits", body("Content-Length: 999999999999999999", GOOD), [413]),
    ],
    "codings": [
        ("9112 §7.1", "chunked", body(CHUNKED, CHUNKS), [401, PROBED]),
        ("9112 §7", "any case", body("transfer-ENCODING: ChunKed", CHUNKS), [401, PROBED]),
        ("9112 §5.1", "blanks and tabs around", body("Transfer-Encoding:\t chunked \t", CHUNKS), [401, PROBED]),
        ("9112 §6.1", "a GET with chunks", head(fields=f"{CHUNKED}\r\n") + CHUNKS, [200, PROBED]),
        ("9112 §6.1", "CL.TE", body(f"Content-Length: {len(CHUNKS)}\r\n{CHUNKED}", CHUNKS), [400]),
        ("9112 §6.1", "TE.CL", body(f"{CHUNKED}\r\nContent-Length: 4", CHUNKS), [400]),
        ("9112 §11.2", "CL.0", body(f"Content-Length: 0\r\n{CHUNKED}", CHUNKS), [400]),
        ("9112 §11.2", "CL.TE that hides a request",
         body(f"Content-Length: {5 + len(HIDDEN)}\r\n{CHUNKED}", b"0\r\n\r\n" + HIDDEN), [400]),
        ("9112 §11.2", "TE.CL that hides a request",
         body(f"{CHUNKED}\r\nContent-Length: 4", b"%x\r\n%s\r\n0\r\n\r\n" % (len(HIDDEN), HIDDEN)), [400]),
        ("9112 §6.1", "chunked twice in a list", body("Transfer-Encoding: chunked, chunked", CHUNKS), [400]),
        ("9112 §6.1", "TE.TE, the same", body(f"{CHUNKED}\r\n{CHUNKED}", CHUNKS), [400]),
        ("9112 §11.2", "TE.TE, chunked first", body(f"{CHUNKED}\r\nTransfer-Encoding: cow", CHUNKS), [400]),
        ("9112 §11.2", "TE.TE, chunked last", body(f"Transfer-Encoding: cow\r\n{CHUNKED}", CHUNKS), [400]),
        ("9112 §6.1", "identity", body("Transfer-Encoding: identity", CHUNKS), [400]),
        ("9112 §6.1", "identity and a length", body(f"Transfer-Encoding: identity\r\n{LENGTH}", GOOD), [400]),
        ("9112 §6.3", "chunked not last", body("Transfer-Encoding: chunked, identity", CHUNKS), [400]),
        ("9112 §6.1", "a coding we lack", body("Transfer-Encoding: gzip, chunked", CHUNKS), [400]),
        ("9112 §7", "xchunked", body("Transfer-Encoding: xchunked", CHUNKS), [400]),
        ("9112 §7", "chunkedx", body("Transfer-Encoding: chunkedx", CHUNKS), [400]),
        ("9112 §7", "a parameter", body("Transfer-Encoding: chunked;q=1", CHUNKS), [400]),
        ("9112 §7", "quotes", body('Transfer-Encoding: "chunked"', CHUNKS), [400]),
        ("9112 §7", "empty", body("Transfer-Encoding:", CHUNKS), [400]),
        ("9112 §7", "an empty element before", body("Transfer-Encoding: ,chunked", CHUNKS), [400]),
        ("9112 §7", "an empty element behind", body("Transfer-Encoding: chunked,", CHUNKS), [400]),
        ("9112 §11.2", "a vertical tab before", body("Transfer-Encoding: \x0bchunked", CHUNKS), [400]),
        ("9112 §11.2", "a vertical tab behind", body("Transfer-Encoding: chunked\x0b", CHUNKS), [400]),
        ("9112 §11.2", "a form feed", body("Transfer-Encoding:\x0cchunked", CHUNKS), [400]),
        ("9112 §11.2", "a no-break space", body("Transfer-Encoding: \xa0chunked", CHUNKS), [400]),
        ("9112 §11.2", "a NUL", body("Transfer-Encoding: chunked\x00", CHUNKS), [400]),
        ("9112 §11.2", "a tab inside", body("Transfer-Encoding: chun\tked", CHUNKS), [400]),
        ("9112 §2.2", "a bare CR in front of it", body(f"X: y\r{CHUNKED}", CHUNKS), [400]),
        ("9112 §2.2", "a bare LF in front of it", body(f"X: y\n{CHUNKED}", CHUNKS), [400]),
        ("9112 §6.1", "in HTTP/1.0",
         head("POST", "/broadcast", f"{CHUNKED}\r\nConnection: keep-alive\r\n", "HTTP/1.0") + CHUNKS, [400]),
        ("9112 §6.1", "an underscore for the hyphen is another field", body("Transfer_Encoding: chunked", b""),
         [400, PROBED]),
    ],
    "chunks": [
        ("9112 §7.1", "many", chunked(b"".join(b"1\r\n%c\r\n" % byte for byte in GOOD) + b"0\r\n\r\n"), [401, PROBED]),
        ("9112 §7.1", "sizes in both cases, with zeros", chunked(b"00A\r\n" + GOOD[:10] + b"\r\n00b\r\n" + GOOD[10:21]
                                                                + b"\r\n6\r\n" + GOOD[21:] + b"\r\n000\r\n\r\n"), [401, PROBED]),
        ("9112 §7.1.1", "extensions", chunked(b"1b;a;b=c;d=\"e;\\\" f\"\r\n" + GOOD + b"\r\n0;last\r\n\r\n"), [401, PROBED]),
        ("9112 §7.1.2", "trailers", chunked(CHUNKS[:-2] + b"X-Sum: 1\r\nEmpty:\r\n\r\n"), [401, PROBED]),
        ("9110 §6.5.1", "trailers that must be ignored",
         chunked(CHUNKS[:-2] + b"Content-Length: 5\r\nTransfer-Encoding: x\r\nHost: y\r\nAuthorization: z\r\n\r\n"),
         [401, PROBED]),
        ("9112 §7.1", "no size", chunked(b"\r\n" + CHUNKS), [400]),
        ("9112 §7.1", "0x", chunked(b"0x1b\r\n" + GOOD + b"\r\n0\r\n\r\n"), [400]),
        ("9112 §7.1", "plus", chunked(b"+" + CHUNKS), [400]),
        ("9112 §7.1", "minus", chunked(b"-1\r\n" + CHUNKS), [400]),
        ("9112 §7.1", "minus zero", chunked(b"-0\r\n\r\n"), [400]),
        ("9112 §7.1", "a blank before", chunked(b" " + CHUNKS), [400]),
        ("9112 §7.1", "a blank behind", chunked(b"1b \r\n" + GOOD + b"\r\n0\r\n\r\n"), [400]),
        ("9112 §7.1.1", "a blank before an extension", chunked(b"1b ;a\r\n" + GOOD + b"\r\n0\r\n\r\n"), [400]),
        ("9112 §7.1", "a tab behind", chunked(b"1b\t\r\n" + GOOD + b"\r\n0\r\n\r\n"), [400]),
        ("9112 §7.1", "an underscore", chunked(b"1_b\r\n" + GOOD + b"\r\n0\r\n\r\n"), [400]),
        ("9112 §7.1", "2^64 + 27", chunked(b"1000000000000001b\r\n" + GOOD + b"\r\n0\r\n\r\n"), [400]),
        ("9112 §7.1", "2^64 - 1", chunked(b"ffffffffffffffff\r\n" + GOOD + b"\r\n0\r\n\r\n"), [400]),
        ("9112 §7.1", "2^63", chunked(b"8000000000000000\r\n" + GOOD + b"\r\n0\r\n\r\n"), [400]),
        ("9112 §7.1", "a flood of zeros", chunked(b"0" * 100 + CHUNKS), [400]),
        ("9112 §7.1", "larger than a body may be", chunked(b"fffffffff\r\n" + b"x" * (2 << 20) + b"x"), [413]),
        ("9112 §2.2", "LF after a size", chunked(b"1b\n" + GOOD + b"\r\n0\r\n\r\n"), [400]),
        ("9112 §2.2", "LF after a chunk", chunked(b"1b\r\n" + GOOD + b"\n0\r\n\r\n"), [400]),
        ("9112 §2.2", "LF after an extension", chunked(b"1b;a\n" + GOOD + b"\r\n0\r\n\r\n"), [400]),
        ("9112 §2.2", "LF after the last chunk", chunked(b"0\n\n"), [400]),
        ("9112 §2.2", "LF at the end", chunked(CHUNKS[:-2] + b"\n"), [400]),
        ("9112 §2.2", "LF after a trailer", chunked(CHUNKS[:-2] + b"X: 1\n\r\n"), [400]),
        ("9112 §2.2", "CR alone after a size", chunked(b"1b\r" + GOOD), [400]),
        ("9112 §7.1", "more data than the size says", chunked(b"1a\r\n" + GOOD + b"\r\n0\r\n\r\n"), [400]),
        ("9112 §7.1", "less data than the size says", chunked(b"1c\r\n" + GOOD + b"\r\n0\r\n\r\n"), [400]),
        ("9112 §7.1.1", "a NUL in an extension", chunked(b"1b;\x00\r\n" + GOOD + b"\r\n0\r\n\r\n"), [400]),
        ("9112 §7.1.1", "extensions without end", chunked(b"1b;" + b"e" * 40_000 + b"\r\n" + GOOD), [400]),
        ("9112 §7.1.2", "trailers without end", chunked(CHUNKS[:-2] + b"X: 1\r\n" * 10_000 + b"\r\n"), [400]),
        ("9112 §5.1", "a blank before a trailer's colon", chunked(CHUNKS[:-2] + b"X : 1\r\n\r\n"), [400]),
        ("9112 §5.2", "a folded trailer", chunked(CHUNKS[:-2] + b"X: 1\r\n y\r\n\r\n"), [400]),
        ("9112 §5.1", "a trailer without a name", chunked(CHUNKS[:-2] + b": 1\r\n\r\n"), [400]),
    ],
    "fields": [
        ("9110 §5.5", "an empty value", field("X:"), [200, PROBED]),
        ("9110 §5.5", "no blank before the value", field("X:y"), [200, PROBED]),
        ("9110 §5.5", "tabs and obs-text in a value", field("X: a\tb \xe9\xff"), [200, PROBED]),
        ("9110 §5.6.2", "any tchar in a name", field("!#$%&'*+-.^_`|~09aZ: y"), [200, PROBED]),
        ("9112 §5.1", "a blank before the colon", field("X : y"), [400]),
        ("9112 §5.1", "a tab before the colon", field("X\t: y"), [400]),
        ("9112 §5.1", "a blank before the colon of Content-Length", body("Content-Length : 27", GOOD), [400]),
        ("9112 §5.1", "a blank before the colon of Transfer-Encoding", body("Transfer-Encoding : chunked", CHUNKS), [400]),
        ("9112 §5.2", "obs-fold by a blank", field("X: y\r\n z"), [400]),
        ("9112 §5.2", "obs-fold by a tab", field("X: y\r\n\tz"), [400]),
        ("9112 §5.2", "obs-fold of Transfer-Encoding", body("Transfer-Encoding:\r\n chunked", CHUNKS), [400]),
        ("9112 §2.2", "a blank before the first field", head(host=" Host: x\r\n"), [400]),
        ("9112 §2.2", "a line of blanks first", head(host="  \r\nHost: x\r\n"), [400]),
        ("9112 §5", "no colon", field("X"), [400]),
        ("9112 §5", "no name", field(": y"), [400]),
        ("9110 §5.1", "a NUL in a name", field("X\0: y"), [400]),
        ("9110 §5.1", "a control character in a name", field("X\x01: y"), [400]),
        ("9110 §5.1", "a separator in a name", field("X@Y: y"), [400]),
        ("9110 §5.1", "a byte beyond ASCII in a name", field("X\xe9: y"), [400]),
        ("9110 §5.5", "a NUL in a value", field("X: a\0b"), [400]),
        ("9110 §5.5", "a bell in a value", field("X: a\x07b"), [400]),
        ("9110 §5.5", "DEL in a value", field("X: a\x7fb"), [400]),
        ("9110 §5.5", "a vertical tab in a value", field("X: a\x0bb"), [400]),
        ("9112 §2.2", "a bare CR in a value", field("X: a\rb"), [400]),
        ("9112 §2.2", "CR CR LF", field("X: a\r"), [400]),
        ("9112 §2.2", "a bare LF after a field", head(fields="X: a\nY: b\r\n"), [400]),
        ("9112 §2.2", "a bare LF for the empty line", head(fields="X: a\r\n")[:-2] + b"\n", [400]),
        ("9112 §2.2", "bare LFs alone", head().replace(b"\r", b""), [400]),
        ("6585 §5", "a head of 32 KiB", long_field(HEAD_LIMIT), [200, PROBED]),
        ("6585 §5", "a head of a byte more", long_field(HEAD_LIMIT + 1), [431]),
        ("6585 §5", "one field without end", field("X: " + "y" * 100_000), [431]),
        ("6585 §5", "a name without end", field("X" * 100_000), [431]),
        ("6585 §5", "as many fields as fit", head(fields="a:\r\n" * 8_000), [200, PROBED]),
        ("6585 §5", "too many fields", head(fields="a:\r\n" * 9_000), [431]),
    ],
    "request lines": [
        ("9112 §2.2", "an empty line before", b"\r\n" + head(), [200, PROBED]),
        ("9112 §2.2", "an empty line between two", head() + b"\r\n" + head(), [200, 200, PROBED]),
        ("9112 §2.2", "two empty lines before", b"\r\n\r\n" + head(), [400]),
        ("9112 §2.2", "a bare LF before", b"\n" + head(), [400]),
        ("9112 §3", "a blank before", b" " + head(), [400]),
        ("9112 §3", "two blanks before the target", head("GET "), [400]),
        ("9112 §3", "two blanks behind the target", head(target="/health "), [400]),
        ("9112 §3", "a blank behind", head(version="HTTP/1.1 "), [400]),
        ("9112 §3", "a tab before the target", b"GET\t/health HTTP/1.1\r\nHost: x\r\n\r\n", [400]),
        ("9112 §3", "a tab behind the target", b"GET /health\tHTTP/1.1\r\nHost: x\r\n\r\n", [400]),
        ("9112 §3", "a vertical tab behind the target", b"GET /health\x0bHTTP/1.1\r\nHost: x\r\n\r\n", [400]),
        ("9112 §3", "a blank in the target", head(target="/health x"), [400]),
        ("9112 §3", "no target", b"GET HTTP/1.1\r\nHost: x\r\n\r\n", [400]),
        ("9112 §3", "an empty target", head(target=""), [400]),
        ("9112 §3", "no version", b"GET /health\r\nHost: x\r\n\r\n", [400]),
        ("9112 §3", "a bare LF behind", b"GET /health HTTP/1.1\nHost: x\r\n\r\n", [400]),
        ("9112 §3.2", "a byte beyond ASCII in the target", head(target="/h\xe9"), [400]),
        ("9112 §3.2", "a NUL in the target", head(target="/health\0"), [400]),
        ("9112 §3.2", "DEL in the target", head(target="/health\x7f"), [400]),
        ("9112 §3", "no method", head(""), [400]),
        ("9112 §3.1", "a separator in the method", head("GE(T"), [400]),
        ("9110 §9.1", "methods have a case", head("get"), [405, PROBED]),
        ("9110 §9.1", "an unknown method", head("BREW"), [405, PROBED]),
        ("9110 §9.1", "a method without end", head("G" * 40_000), [414]),
        ("9112 §2.3", "HTTP/0.9", head(version="HTTP/0.9"), [400]),
        ("9112 §2.3", "a request of HTTP/0.9", b"GET /health\r\n", [400]),
        ("9112 §2.3", "HTTP/1.2", head(version="HTTP/1.2"), [400]),
        ("9112 §2.3", "HTTP/2.0", head(version="HTTP/2.0"), [400]),
        ("9112 §2.3", "the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [400]),
        ("9112 §2.3", "two digits", head(version="HTTP/1.10"), [400]),
        ("9112 §2.3", "a leading zero", head(version="HTTP/01.1"), [400]),
        ("9112 §2.3", "the name has a case", head(version="http/1.1"), [400]),
        ("9112 §2.3", "another protocol", head(version="RTSP/1.0"), [400]),
        ("9112 §2.2", "a TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100), [400]),
    ],
    "targets": [
        ("9112 §3.2.2", "absolute", head(target="http://x/health"), [200, PROBED]),
        ("9112 §3.2.2", "absolute, another authority than Host", head(target="http://y:1/health"), [200, PROBED]),
        ("9112 §3.2.2", "absolute, https", head(target="https://x/health?a"), [200, PROBED]),
        ("9112 §3.2.2", "absolute, no path", head(target="http://x"), [404, PROBED]),
        ("9112 §3.2.2", "absolute, with no Host", head(target="http://x/health", host=""), [400]),
        ("9112 §3.2.4", "OPTIONS *", head("OPTIONS", "*"), [204, PROBED]),
        ("9112 §3.2.4", "* is for OPTIONS alone", head("GET", "*"), [400, PROBED]),
        ("9112 §3.2.3", "CONNECT", head("CONNECT", "x:80"), [400, PROBED]),
        ("9112 §3.2.3", "an authority is for CONNECT alone", head("GET", "x:80"), [400, PROBED]),
        ("9112 §3.2.1", "no slash", head("GET", "health"), [400, PROBED]),
        ("9110 §4.2.3", "a path not in normal form", head(target="/%68ealth"), [404, PROBED]),
        ("3986 §2.1", "encoded wrongly", head(target="/%zz"), [404, PROBED]),
        ("3986 §2.1", "an encoded NUL", head(target="/health%00"), [404, PROBED]),
        ("3986 §3.3", "an encoded slash is no slash", head(target="/%2Fhealth"), [404, PROBED]),
        ("3986 §3.3", "paths have a case", head(target="/Health"), [404, PROBED]),
        ("3986 §3.3", "dot segments are the client's to resolve", head(target="/x/../health"), [404, PROBED]),
        ("3986 §3.3", "two slashes", head(target="//health"), [404, PROBED]),
        ("3986 §3.4", "a query", head(target="/health?a=b?c/d"), [200, PROBED]),
        ("9112 §3", "a target of 8,000 bytes (§3 asks for that)", head(target="/health?" + "q" * 8_000), [200, PROBED]),
        ("9112 §3", "a target without end", head(target="/" + "x" * 100_000), [414]),
    ],
    "hosts": [
        ("9112 §3.2", "none", head(host=""), [400]),
        ("9112 §3.2", "two", head(host="Host: x\r\nHost: x\r\n"), [400]),
        ("9112 §3.2", "two, in other case", head(host="Host: x\r\nhOST: y\r\n"), [400]),
        ("9112 §3.2", "two in HTTP/1.0", head(host="Host: x\r\nHost: y\r\n", version="HTTP/1.0"), [400]),
        ("9112 §3.2", "none in HTTP/1.0", head(host="", version="HTTP/1.0"), [200]),
        ("9110 §7.2", "empty", head(host="Host:\r\n"), [200, PROBED]),
        ("9110 §7.2", "a name and a port", head(host="Host: a-b.example:8080\r\n"), [200, PROBED]),
        ("9110 §7.2", "an IPv6 address and a port", head(host="Host: [::1]:8080\r\n"), [200, PROBED]),
        ("9110 §7.2", "an empty port", head(host="Host: x:\r\n"), [200, PROBED]),
        ("9110 §7.2", "a port that is none", head(host="Host: x:y\r\n"), [400]),
        ("9110 §7.2", "two ports", head(host="Host: x:1:2\r\n"), [400]),
        ("9110 §7.2", "an address that is not closed", head(host="Host: [::1\r\n"), [400]),
        ("9110 §7.2", "a blank", head(host="Host: x y\r\n"), [400]),
        ("9110 §7.2", "a user", head(host="Host: a@x\r\n"), [400]),
        ("9110 §7.2", "a slash", head(host="Host: x/y\r\n"), [400]),
        ("9110 §7.2", "a backslash", head(host="Host: x\\y\r\n"), [400]),
        ("9110 §7.2", "a question mark", head(host="Host: x?y\r\n"), [400]),
        ("9110 §7.2", "a hash", head(host="Host: x#y\r\n"), [400]),
        ("9110 §7.2", "a scheme", head(host="Host: http://x\r\n"), [400]),
        ("9110 §7.2", "a byte beyond ASCII", head(host="Host: \xe9\r\n"), [400]),
        ("9110 §7.2", "angle brackets", head(host="Host: <x>\r\n"), [400]),
        ("9110 §7.2", "a tab inside", head(host="Host: x\ty\r\n"), [400]),
    ],
    "persistence": [
        ("9112 §9.3", "HTTP/1.1 is kept", head(), [200, PROBED]),
        ("9112 §9.3", "close", head(fields="Connection: close\r\n"), [200]),
        ("9110 §7.6.1", "close has no case", head(fields="connection: CLOSE\r\n"), [200]),
        ("9110 §7.6.1", "close in a list", head(fields="Connection: x, close ,y\r\n"), [200]),
        ("9110 §7.6.1", "close in a second field", head(fields="Connection: x\r\nConnection: close\r\n"), [200]),
        ("9112 §9.3", "close wins", head(fields="Connection: keep-alive, close\r\n"), [200]),
        ("9110 §7.6.1", "closed is not close", head(fields="Connection: closed\r\n"), [200, PROBED]),
        ("9112 §9.3", "HTTP/1.0 is closed", head(version="HTTP/1.0"), [200]),
        ("9112 §9.3", "HTTP/1.0 with keep-alive", head(version="HTTP/1.0", fields="Connection: Keep-Alive\r\n"), [200, PROBED]),
        ("9112 §9.3", "HTTP/1.0 with both", head(version="HTTP/1.0", fields="Connection: keep-alive, close\r\n"), [200]),
        ("9112 §9.3", "after a failure", head(target="/nothing") + head(), [404, 200, PROBED]),
        ("9112 §9.3.2", "pipelined behind close", head(fields="Connection: close\r\n") + head(), [200]),
        ("9112 §9.3.2", "pipelined behind a refused one", head() + field("X Y: z") + head(), [200, 400]),
        ("9112 §9.3.2", "pipelined behind chunks", chunked(CHUNKS) + head(), [401, 200, PROBED]),
        ("9110 §7.8", "an upgrade to what we do not speak", head(fields="Connection: upgrade\r\nUpgrade: h2c\r\n"),
         [200, PROBED]),
        ("9110 §7.8", "no upgrade in HTTP/1.0",
         head(target="/ws", version="HTTP/1.0", fields="Connection: upgrade, keep-alive\r\nUpgrade: websocket\r\n"
              "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"), [400, PROBED]),
    ],
    "expectations": [
        ("9110 §10.1.1", "with the body behind it", body(f"Expect: 100-continue\r\n{LENGTH}", GOOD), [401, PROBED]),
        ("9110 §10.1.1", "any case", body(f"expect: 100-CONTINUE\r\n{LENGTH}", GOOD), [401, PROBED]),
        ("9110 §10.1.1", "without a body", head(fields="Expect: 100-continue\r\n"), [200, PROBED]),
        ("9110 §10.1.1", "unknown", body(f"Expect: miracles\r\n{LENGTH}", GOOD), [417]),
        ("9110 §10.1.1", "one known, one not", body(f"Expect: 100-continue, miracles\r\n{LENGTH}", GOOD), [417]),
        ("9110 §10.1.1", "the wrong number", body(f"Expect: 200-ok\r\n{LENGTH}", GOOD), [417]),
        ("9110 §10.1.1", "ignored in HTTP/1.0",
         head("POST", "/broadcast", f"Expect: 100-continue\r\n{LENGTH}\r\nConnection: keep-alive\r\n", "HTTP/1.0") + GOOD,
         [401, PROBED]),
    ],
}


def parameters(groups):
    return [
        pytest.param(data, statuses, id=f"{group}: {what} (RFC {section})")
        for group in groups for section, what, data, statuses in CASES[group]
    ]


@pytest.fixture(scope="module")
def tls_server(keys, tmp_path_factory):
    """The same server behind TLS, with a certificate of its own."""
    home = tmp_path_factory.mktemp("tls")
    certificate, key = home / "c.pem", home / "k.pem"
    harness.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-keyout", key, "-out", certificate)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(harness, "ADDRESS", re.compile(r"https://127\.0\.0\.1:(\d+)"))
        server = harness.Server(
            home, "--public-key", keys.public, "--tls-certificate", certificate, "--tls-key", key)
    with server:
        yield server


def connect(server):
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=harness.PATIENCE)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def connect_tls(server):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(connect(server))


@pytest.fixture(params=["plain", "tls"])
def dial(request):
    """Opens connections, each closed at the end."""
    server = request.getfixturevalue("server" if request.param == "plain" else "tls_server")
    with contextlib.ExitStack() as stack:
        yield lambda: stack.enter_context(connect(server) if request.param == "plain" else connect_tls(server))


@dataclasses.dataclass
class Response:
    status: int
    fields: dict
    body: bytes
    raw_head: bytes


class Responses:
    """Reads answers off a connection as strictly as RFC 9112 writes them; `methods` are those of the requests, and a
    stream is a body without a length."""

    def __init__(self, connection, methods=(), is_stream=False):
        self.connection, self.methods, self.is_stream, self.buffer = connection, list(methods), is_stream, b""

    def more(self):
        chunk = self.connection.recv(65536)
        self.buffer += chunk
        return bool(chunk)

    def next(self):
        """The next answer; None at the end of the connection, which must not come within one."""
        while b"\r\n\r\n" not in self.buffer:
            if not self.more():
                assert not self.buffer, self.buffer
                return None
        raw, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        status_line, *lines = raw.decode("ascii").split("\r\n")
        match = re.fullmatch(r"HTTP/1\.1 (\d{3}) [A-Za-z ]+", status_line)
        assert match, status_line
        status, fields = int(match[1]), {}
        for line in lines:
            name, value = re.fullmatch(r"([a-z-]+): ([\x21-\x7e]|[\x21-\x7e][\x20-\x7e]*[\x21-\x7e])", line).groups()
            assert name not in fields, raw
            fields[name] = value
        size = int(fields.get("content-length", 0))
        if status >= 200:
            assert "date" in fields and (status == 204 or self.is_stream) != ("content-length" in fields), raw
            if self.methods and self.methods.pop(0) == "HEAD":
                size = 0
        while len(self.buffer) < size:
            assert self.more(), self.buffer
        content, self.buffer = self.buffer[:size], self.buffer[size:]
        return Response(status, fields, content, raw)

    def all(self):
        answers = []
        while (answer := self.next()) is not None:
            answers.append(answer)
        return answers


def check(answers, statuses):
    assert [answer.status for answer in answers] == statuses
    for answer in answers:
        # Who is not told that the connection ends sends on it again (RFC 9112 §9.6).
        assert (answer.fields.get("connection") == "close") == (answer is answers[-1]), answer
        if answer.status >= 400:
            assert set(json.loads(answer.body)) == {"error", "code"}


@pytest.mark.parametrize("data, statuses", parameters(CASES))
def test_a_request_and_what_stands_behind_it(dial, data, statuses):
    connection = dial()
    connection.sendall(data + PROBE)
    check(Responses(connection).all(), statuses)


REFUSED = [case for case in parameters(CASES) if case.values[1][-1] != PROBED]


@pytest.mark.parametrize("data, statuses", REFUSED)
def test_what_comes_after_the_refusal_is_not_a_request(dial, data, statuses):
    connection = dial()
    connection.sendall(data)
    responses = Responses(connection)
    answers = [responses.next() for _ in statuses]
    with contextlib.suppress(OSError):  # It may have been closed already.
        connection.sendall(PROBE + HIDDEN)
    with contextlib.suppress(ConnectionResetError):
        answers += responses.all()
    check(answers, statuses)


@pytest.mark.parametrize("data, statuses", parameters(["lengths", "codings", "chunks", "expectations"]))
def test_the_same_byte_by_byte(server, data, statuses):
    """What is decided must not depend on how the bytes are cut."""
    if len(data) > 1_000:
        pytest.skip("the unit tests cut long ones")
    with connect(server) as connection:
        with contextlib.suppress(OSError):
            for byte in data + PROBE:
                connection.sendall(bytes([byte]))
        with contextlib.suppress(ConnectionResetError):
            answers = [answer for answer in Responses(connection).all() if answer.status != 100]
            check(answers, statuses)


def test_a_hundred_pipelined_requests_are_answered_in_their_order(dial, keys):
    """RFC 9112 §9.3.2."""
    token = harness.mint(keys, ["a"], "broadcast")
    fields = f"Authorization: Bearer {token}\r\n{LENGTH}\r\n"
    requests = [head("POST", "/broadcast", fields) + GOOD, head(), head("HEAD"), head(target="/nothing")] * 25
    connection = dial()
    connection.sendall(b"".join(requests) + PROBE)
    answers = Responses(connection, ["POST", "GET", "HEAD", "GET"] * 25).all()
    check(answers, [200, 200, 200, 404] * 25 + [200])
    numbers = [harness.number(json.loads(answer.body)["cursor"]) for answer in answers[:100:4]]
    assert numbers == list(range(numbers[0], numbers[0] + 25))


@pytest.mark.parametrize("target, fields", [
    ("/health", ""), ("/ready", ""), ("/nothing", ""), ("/broadcast", ""), ("/events", ""), ("/health", "Expect: x\r\n"),
    ("/events?topic=a", "Authorization: Bearer {token}\r\n"),
    ("/events?topic=a", "Authorization: Bearer {token}\r\nAccept: application/x-ndjson\r\n"),
])
def test_head_has_the_fields_of_get_and_no_body(dial, keys, target, fields):
    """RFC 9110 §9.3.2."""
    fields = fields.format(token=harness.mint(keys, ["a"]))
    answers = {}
    for method in ("GET", "HEAD"):
        connection = dial()
        # A stream has no end but that of the connection: GET's first answer is all that is compared.
        connection.sendall(head(method, target, fields))
        responses = Responses(connection, [method], is_stream="?" in target)
        answers[method] = responses.next()
    # `responses` is that of HEAD: behind the head comes the next answer, or the end.
    responses.is_stream = False
    is_last = answers["HEAD"].fields.get("connection") == "close"
    connection.sendall(PROBE)
    check(responses.all(), [] if is_last else [200])
    got, wanted = ({**answers[method].fields, "date": ""} for method in ("HEAD", "GET"))
    assert (answers["HEAD"].status, got) == (answers["GET"].status, wanted)


def test_who_expects_100_is_told_to_go_on_before_the_body_is_sent(dial):
    """RFC 9110 §10.1.1."""
    connection = dial()
    responses = Responses(connection)
    for framing, content in ((LENGTH, GOOD), (CHUNKED, CHUNKS)):
        connection.sendall(body(f"Expect: 100-continue\r\n{framing}", b""))
        assert (responses.next().status, responses.buffer) == (100, b"")
        connection.sendall(content)
        assert responses.next().status == 401
    connection.sendall(PROBE)
    check(responses.all(), [200])


@pytest.mark.parametrize("method, target, fields, status", [
    ("POST", "/nothing", LENGTH, 404), ("PUT", "/broadcast", LENGTH, 405),
    ("POST", "/broadcast", "Content-Length: 99999999", 413),
])
def test_who_expects_100_for_nothing_is_refused_without_the_body(dial, method, target, fields, status):
    """RFC 9110 §10.1.1: the body may come or not, so the connection ends."""
    connection = dial()
    connection.sendall(head(method, target, f"{fields}\r\nExpect: 100-continue\r\n"))
    check(Responses(connection).all(), [status])


def drip(server, start, rest):
    """Sends `start`, then a byte of `rest` every half second; what came back until the end, and after how long."""
    with connect(server) as connection:
        began, received = time.monotonic(), b""
        connection.sendall(start)
        connection.settimeout(0.5)
        for byte in rest:
            try:
                if not (chunk := connection.recv(65536)):
                    break
                received += chunk
            except TimeoutError:
                with contextlib.suppress(OSError):
                    connection.sendall(bytes([byte]))
        return received, time.monotonic() - began


@pytest.mark.slow
def test_slow_requests_are_cut_off_with_408(server):
    """RFC 9110 §15.5.9. A byte now and then does not put the deadline off."""
    request = body("Content-Length: 1000", b"")
    cases = [
        (b"", HEAD_SECONDS, [b"408"]),
        (b"GET /health HTTP/1.1\r\nX: ", HEAD_SECONDS, [b"408"]),
        (head() + b"GET ", HEAD_SECONDS, [b"200", b"408"]),
        (request, BODY_SECONDS, [b"408"]),
        (chunked(b"fff\r\n"), BODY_SECONDS, [b"408"]),
        (chunked(b"1;"), BODY_SECONDS, [b"408"]),
        (head() + request, BODY_SECONDS, [b"200", b"408"]),
    ]
    with concurrent.futures.ThreadPoolExecutor(len(cases)) as pool:
        runs = [pool.submit(drip, server, start, b"x" * 400) for start, _, _ in cases]
    for (start, seconds, statuses), run in zip(cases, runs):
        received, took = run.result()
        assert re.findall(rb"HTTP/1\.1 (\d+)", received) == statuses, (start, received)
        assert took >= seconds - 2, start  # Not cut off before its time, but for the ticks of the server's clock.


def test_answers_that_nobody_reads_do_not_pile_up(make_server):
    """Pipelined requests are read only as fast as their answers are taken, and each is answered in the end."""
    server = make_server()
    before = server.resident_bytes()
    request = head()
    with connect(server) as connection:
        connection.settimeout(2)
        sent, block = 0, request * 2_000
        try:
            while sent < 64 << 20:
                sent += connection.send(block[sent % len(block):])
        except TimeoutError:
            pass  # The server reads no more, and the kernel's buffers are full.
        assert sent < 64 << 20
        assert server.resident_bytes() - before < 32 << 20
        assert harness.request(server, "GET", "/health").status == 200

        # What is whole is answered, though the client has ended its side.
        connection.settimeout(harness.PATIENCE)
        connection.shutdown(socket.SHUT_WR)
        answers = b"".join(iter(lambda: connection.recv(1 << 20), b""))
        assert answers.count(b'{"status":"ok"}') == sent // len(request)
