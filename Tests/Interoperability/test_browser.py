"""A page in a real browser: it subscribes over a WebSocket, publishes with fetch, and reports what it got."""

import http.server
import json
import queue
import shutil
import subprocess
import threading

import pytest

import harness

BROWSER = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)

pytestmark = pytest.mark.skipif(BROWSER is None, reason="NO BROWSER HERE: install Debian's chromium to run this")

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


class Site:
    """Serves the page and takes its report."""

    def __init__(self):
        self.page = b""
        self.reports = queue.Queue()
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.answer(site.page)

            def do_POST(self):
                site.reports.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.answer(b"")

            def answer(self, body):
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def site():
    site = Site()
    yield site
    site.close()


def browse(url, profile):
    return subprocess.Popen(
        [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
         "--disable-background-networking", f"--user-data-dir={profile}", "--remote-debugging-port=0", url],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def visit(site, server, keys, tmp_path):
    settings = {
        "url": server.url, "messages": MESSAGES, "subscribe": harness.mint(keys, ["browser"]),
        "broadcast": harness.mint(keys, ["browser"], "broadcast"),
    }
    site.page = (PAGE % json.dumps(settings)).encode()
    browser = browse(site.origin, tmp_path / "profile")
    try:
        return site.reports.get(timeout=2 * harness.PATIENCE)
    finally:
        browser.terminate()
        browser.wait(harness.PATIENCE)


def test_a_page_subscribes_and_publishes(site, make_server, keys, tmp_path):
    server = make_server("--allow-origin", site.origin)
    assert visit(site, server, keys, tmp_path) == ["Unknown command", *MESSAGES]


def test_a_page_of_another_origin_gets_no_socket(site, make_server, keys, tmp_path):
    server = make_server("--allow-origin", "https://www.example.com")
    assert visit(site, server, keys, tmp_path) == "the socket failed"
