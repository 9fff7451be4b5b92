"""docs/openapi.yaml: it is valid, it names every route, and schemathesis finds no request that the server answers otherwise."""

import os
import pathlib
import re
import subprocess
import sys

import jsonschema
import openapi_spec_validator
import pytest
import yaml

import harness

SPECIFICATION = harness.ROOT / "docs" / "openapi.yaml"
HOOKS = pathlib.Path(__file__).with_name("schemathesis_hooks.py")
EXAMPLES, SEED = 60, 20261


@pytest.fixture(scope="module")
def specification():
    return yaml.safe_load(SPECIFICATION.read_text())


def schema(specification, name):
    """A validator of one of the components."""
    return jsonschema.Draft202012Validator(
        {"$ref": f"#/components/schemas/{name}", "components": specification["components"]})


def test_it_is_valid(specification):
    openapi_spec_validator.validate(specification)


def test_it_names_the_routes_the_server_names(server, specification):
    said = harness.request(server, "GET", "/").json["error"]
    assert set(re.findall(r"/[a-z]+", said)) == set(specification["paths"])


def test_it_names_the_methods_the_server_allows(server, specification):
    for path, operations in specification["paths"].items():
        allowed = harness.request(server, "TRACE", path).headers["allow"].lower()
        methods = {word.strip() for word in allowed.split(",")} - {"options"}
        assert methods == set(operations) & {"get", "head", "post", "put", "delete", "patch"}


def test_it_names_the_error_codes_of_the_protocol(specification):
    text = (harness.ROOT / "docs" / "protocol.md").read_text()
    section = text[text.index("\n## Error codes"):text.index("\n## Subscribing")]
    assert re.findall(r"^\| `([a-z_]+)` \|", section, re.MULTILINE) == specification["components"]["schemas"]["ErrorCode"]["enum"]


def test_what_the_server_says_has_the_form_it_gives(make_server, keys, specification):
    server = make_server("--history-size", 2)
    token = harness.mint(keys, ["t", "u"])
    validator, broadcast = schema(specification, "Envelope"), schema(specification, "Accepted")
    said = []
    with harness.Envelopes(server) as client, harness.Publisher(server, harness.mint(keys, ["t"], "broadcast")) as say:
        said.append(client.welcome)
        cursors = say.many("t", "1234")
        broadcast.validate({"cursor": cursors[0]})
        said.append(client.subscribe(["t", "u"], token, cursors[0], id=1))
        said += client.until_caught_up()
        said.append(client.subscribe("u", token, id="x"))
        say("t", "5")
        said.append(client.receive())
        said += [client.ask(type="unsubscribe", topic="t"), client.ask(type="unsubscribe-all"), client.ask(type="ping", id=2.5),
                 client.ask(type="subscribe", topic="t"), client.ask(type="nonsense")]
    assert {each["type"] for each in said} == {
        "welcome", "subscribed", "gap", "message", "caught-up", "unsubscribed", "pong", "error"}
    for each in said:
        validator.validate(each)


# `GET /events` streams for ever where the token is good: it is tried with one that is not, and `HEAD` with one that is.
@pytest.mark.parametrize("what, selected, scope", [
    ("broadcast", ["--include-path", "/broadcast"], "broadcast"),
    ("streams that begin", ["--include-operation-id", "eventsHead"], "subscribe"),
    ("all else", ["--exclude-path", "/broadcast"], "none"),
])
def test_schemathesis_finds_nothing(make_server, keys, tmp_path, what, selected, scope):
    server = make_server()
    token = "nonsense" if scope == "none" else harness.mint(keys, ["topic"], scope, ttl=3600)
    done = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", "--config-file", HOOKS.with_name("schemathesis.toml"),
         "run", SPECIFICATION, "--url", server.url, *selected, "--header", f"Authorization: Bearer {token}",
         "--max-examples", str(EXAMPLES), "--seed", str(SEED), "--generation-deterministic",
         "--checks", "all", "--no-color", "--request-timeout", str(harness.PATIENCE)],
        cwd=tmp_path, capture_output=True, text=True, timeout=20 * harness.PATIENCE,
        env={**os.environ, "SCHEMATHESIS_HOOKS": str(HOOKS)})
    assert done.returncode == 0, done.stdout + done.stderr
    assert harness.request(server, "GET", "/health").status == 200
