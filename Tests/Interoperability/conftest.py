"""Fixtures: the binary, keys that openssl made, a server that is told to go and must go well."""

import shutil
import signal
import subprocess

import pytest

import chromium
import harness


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes half a minute or more; leave out with -m 'not slow'")
    harness.raise_file_limit()
    # What nohup(1), or a shell that runs this in the background, has ignored would be by everything that is started here.
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


@pytest.fixture(scope="session")
def binary():
    return harness.binary()


@pytest.fixture(scope="session")
def keys(tmp_path_factory):
    """The key pair that servers here accept."""
    return harness.Keys.make(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="session")
def other_keys(tmp_path_factory):
    """A key pair that no server here knows."""
    return harness.Keys.make(tmp_path_factory.mktemp("other-keys"))


@pytest.fixture
def make_server(keys, tmp_path):
    """Starts servers with more arguments or variables; all must end well."""
    servers = []

    def make(*arguments, **variables):
        home = tmp_path / f"server-{len(servers)}"
        servers.append(harness.Server(home, "--public-key", keys.public, *arguments, **variables))
        return servers[-1]

    yield make
    for server in servers:
        server.stop()


@pytest.fixture(scope="module")
def server(keys, tmp_path_factory):
    """One server for the tests of a file."""
    home = tmp_path_factory.mktemp("server")
    with harness.Server(home, "--public-key", keys.public) as server:
        yield server


@pytest.fixture
def cli(binary, tmp_path):
    """Runs notiflux in an empty folder, as a user who has set nothing; text in, text out."""
    home = tmp_path / "home"
    home.mkdir()

    def run(*arguments, stdin=None, env=None, timeout=harness.PATIENCE, cwd=None):
        return subprocess.run(
            [binary, *map(str, arguments)],
            input=stdin.encode() if isinstance(stdin, str) else stdin if stdin is not None else b"",
            capture_output=True,
            env=harness.clean_environment(home, **(env or {})),
            cwd=cwd or home,
            timeout=timeout,
        )

    run.home = home
    return run


@pytest.fixture
def site():
    """A site for a browser to visit."""
    site = chromium.Site()
    yield site
    site.close()


@pytest.fixture(scope="session")
def curl():
    """Runs curl: status, headers, body."""
    program = shutil.which("curl")
    if program is None:
        pytest.skip("curl is not installed")

    def run(*arguments, stdin=None):
        done = subprocess.run(
            [program, "--silent", "--show-error", "--max-time", str(harness.PATIENCE), "--include", *map(str, arguments)],
            input=stdin,
            capture_output=True,
            check=True,
        )
        rest = done.stdout
        while True:  # past the 100s
            head, _, rest = rest.partition(b"\r\n\r\n")
            status_line, *lines = head.decode("latin-1").split("\r\n")
            status = int(status_line.split()[1])
            if status >= 200:
                break
        headers = dict(line.split(": ", 1) for line in lines if ": " in line)
        return harness.Answer(status, {name.lower(): value for name, value in headers.items()}, rest)

    return run
