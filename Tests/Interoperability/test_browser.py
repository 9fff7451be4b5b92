"""A page in a real browser: over a WebSocket, with fetch and as an `EventSource` it reports what it got."""

import json

import chromium
import harness

pytestmark = chromium.needed

MESSAGES = ["hello", 'Grüße 👋 "quoted"\n\ttwo lines', "x" * 100_000]

PAGE = """<!doctype html><script>
const settings = %s, got = [];
const report = (value) => fetch("/report", {method: "POST", body: JSON.stringify(value)});
const socket = new WebSocket(settings.url.replace("http", "ws") + "/ws");
socket.onopen = async () => {
  socket.send("/subscribe browser " + settings.subscribe);
  socket.send("/nonsense");  // its answer says that the subscribe before it is done
};
socket.onmessage = async (event) => {
  got.push(event.data);
  if (got.length === 1) for (const message of settings.messages) {
    const answer = await fetch(settings.url + "/broadcast", {
      method: "POST",
      headers: {"Content-Type": "application/json", "Authorization": "Bearer " + settings.broadcast},
      body: JSON.stringify({topic: "browser", message}),
    });
    if (!(await answer.json()).cursor) report("no cursor");
  }
  if (got.length === settings.messages.length + 1) report(got);
};
socket.onerror = () => report("the socket failed");
</script>"""


def visit(site, server, keys, tmp_path):
    settings = {
        "url": server.url, "messages": MESSAGES, "subscribe": harness.mint(keys, ["browser"]),
        "broadcast": harness.mint(keys, ["browser"], "broadcast"),
    }
    site.page = (PAGE % json.dumps(settings)).encode()
    with chromium.browsing(site.origin, tmp_path / "profile"):
        return site.reports.get(timeout=2 * harness.PATIENCE)


def test_a_page_subscribes_and_publishes(site, make_server, keys, tmp_path):
    server = make_server("--allow-origin", site.origin)
    assert visit(site, server, keys, tmp_path) == ["Unknown command", *MESSAGES]


def test_a_page_of_another_origin_gets_no_socket(site, make_server, keys, tmp_path):
    server = make_server("--allow-origin", "https://www.example.com")
    assert visit(site, server, keys, tmp_path) == "the socket failed"


STREAM_PAGE = """<!doctype html><script>
const settings = %s;
let last = Promise.resolve();  // one report after the other
const report = (value) => { last = last.then(() => fetch("/report", {method: "POST", body: JSON.stringify(value)})); };
const events = new EventSource(settings.url);
const tell = (event) => report({name: event.type, id: event.lastEventId, data: JSON.parse(event.data)});
events.onmessage = tell;
for (const name of ["subscribed", "gap", "caught-up"]) events.addEventListener(name, tell);
events.onerror = () => report({name: "error", closed: events.readyState === EventSource.CLOSED});
</script>"""


def test_an_event_source_resumes_by_itself_where_it_was(site, make_server, keys, tmp_path):
    server = make_server("--allow-origin", site.origin, "--history-size", 5)
    token = harness.mint(keys, ["browser"])
    say = harness.Publisher(server, harness.mint(keys, ["browser"], "broadcast"))

    def next_report(*names):
        """The next event the page tells of; errors, which a reconnect may have several of, only if asked for."""
        while True:
            report = site.reports.get(timeout=2 * harness.PATIENCE)
            assert not report.get("closed"), "the browser gave up"
            if report["name"] in names or report["name"] != "error":
                assert report["name"] in names, report
                return report

    with say, harness.CuttingProxy(server) as proxy:
        url = f"http://127.0.0.1:{proxy.port}" + harness.events_path("browser", token)
        site.page = (STREAM_PAGE % json.dumps({"url": url})).encode()
        with chromium.browsing(site.origin, tmp_path / "profile"):
            next_report("subscribed")
            cursors = [say("browser", message) for message in MESSAGES]
            for message, cursor in zip(MESSAGES, cursors, strict=True):
                report = next_report("message", "caught-up")
                if report["name"] == "caught-up":
                    report = next_report("message")
                assert (report["data"]["data"], report["data"]["cursor"], report["id"]) == (message, cursor, cursor)

            # Cut, with few messages missed: all of them come.
            proxy.shut = True
            proxy.cut()
            next_report("error")
            missed = say.many("browser", ["missed 1", "missed 2"])
            proxy.shut = False
            report = next_report("subscribed")
            assert report["id"] == report["data"]["cursor"] == cursors[-1]
            assert [next_report("message")["id"] for _ in missed] == missed
            assert next_report("caught-up")["id"] == missed[-1]
            live = say("browser", "live")
            assert next_report("message")["id"] == live

            # Cut, with more missed than is kept: the page is told.
            proxy.shut = True
            proxy.cut()
            next_report("error")
            missed = say.many("browser", [f"{number}" for number in range(8)])
            proxy.shut = False
            assert next_report("subscribed")["id"] == live
            gap = next_report("gap")
            assert (gap["data"]["from"], gap["data"]["to"]) == (live, missed[2])
            assert [next_report("message")["id"] for _ in missed[3:]] == missed[3:]
            assert next_report("caught-up")["id"] == missed[-1]


def test_an_event_source_that_is_refused_gives_up(site, make_server, keys, tmp_path):
    server = make_server("--allow-origin", site.origin)
    site.page = (STREAM_PAGE % json.dumps({"url": server.url + harness.events_path("browser", "nonsense")})).encode()
    with chromium.browsing(site.origin, tmp_path / "profile"):
        assert site.reports.get(timeout=2 * harness.PATIENCE) == {"name": "error", "closed": True}
