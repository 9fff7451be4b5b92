"""What schemathesis cannot read off docs/openapi.yaml: limits that count bytes, and a number of 64 bits."""

import schemathesis
from hypothesis import strategies

TEXT = strategies.characters(exclude_categories=["Cc", "Cs"])
ANY_TEXT = strategies.characters(exclude_categories=["Cs"])


def at_most(size, characters):
    texts = strategies.text(characters, min_size=1, max_size=size)
    return texts.filter(lambda text: len(text.encode()) <= size)


# "topic" is the one that the token opens.
schemathesis.openapi.format("notiflux-topic", strategies.just("topic") | at_most(255, TEXT))
schemathesis.openapi.format("notiflux-id", at_most(128, ANY_TEXT))
schemathesis.openapi.format("notiflux-cursor", strategies.builds(
    "{}:{}".format, strategies.from_regex("[A-Za-z0-9_-]{1,32}", fullmatch=True), strategies.integers(0, 2**64 - 1)))


@schemathesis.serializer("application/x-ndjson")
def lines(context, value):
    """The schema makes any text; what is bad in it is answered line by line."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
