"""The Debian package: what is in it, and its life on a machine with systemd: installed, started, reloaded, hung, upgraded, purged."""

import gzip
import hashlib
import pathlib
import re
import socket
import subprocess
import time

import pytest

import conftest
import harness
import machine

SIZE_LIMIT = 25_000_000
KEY = "/etc/notiflux/es256_public.pem"
SETTINGS = "/etc/default/notiflux"
# What dpkg, systemd and the making of a user write down for themselves.
RECORDS = re.compile(
    r"/var/lib/dpkg/(?!info/notiflux)|/var/log/|/var/lib/systemd/(?!deb-systemd)|/var/cache/|/etc/\.pwd\.lock$|"
    r"/etc/(passwd|group|shadow|gshadow|subuid|subgid)-?$|/etc/machine-id$|/var/tmp/")


# -- What is in it


def test_lintian_has_no_errors_and_no_warnings(deb, symbols):
    done = subprocess.run(
        ["lintian", "--allow-root", "--fail-on", "error,warning", "--tag-display-limit", "0", deb, symbols],
        capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_same_binary_gives_the_same_bytes(deb, symbols):
    def digests():
        return [hashlib.sha256(path.read_bytes()).hexdigest() for path in (deb, symbols)]

    before = digests()
    subprocess.run([harness.ROOT / "scripts" / "package", "deb"], check=True, capture_output=True)
    assert digests() == before


def test_the_program_is_stripped_and_small(unpacked, symbols, tmp_path):
    program = unpacked / "usr/bin/notiflux"
    assert program.stat().st_size < SIZE_LIMIT
    sections = subprocess.run(["readelf", "--sections", "--notes", program], check=True, capture_output=True, text=True).stdout
    assert ".symtab" not in sections and ".debug_info" not in sections
    # The symbols are where gdb looks for those of this build.
    build_id = re.search(r"Build ID: ([0-9a-f]{40})", sections)[1]
    subprocess.run(["dpkg-deb", "--extract", symbols, tmp_path], check=True)
    assert (tmp_path / f"usr/lib/debug/.build-id/{build_id[:2]}/{build_id[2:]}.debug").exists()


def test_every_command_has_its_page_and_each_shell_its_completions(unpacked):
    pages = {path.name.removesuffix(".gz"): gzip.decompress(path.read_bytes())
             for path in (unpacked / "usr/share/man/man1").iterdir()}
    assert pages == {path.name: path.read_bytes() for path in (harness.ROOT / "man").iterdir()}
    for path in ("bash-completion/completions/notiflux", "zsh/vendor-completions/_notiflux",
                 "fish/vendor_completions.d/notiflux.fish"):
        assert "serve" in (unpacked / "usr/share" / path).read_text()


def test_the_unit_is_the_one_of_the_repository_with_the_path_of_a_package(unpacked):
    unit = (unpacked / "usr/lib/systemd/system/notiflux.service").read_text()
    assert "/usr/local" not in unit and "package" not in unit
    lines = [line for line in (harness.ROOT / "deploy/notiflux.service").read_text().split("\n") if "package" not in line]
    assert unit.replace("/usr/bin/notiflux", "/usr/local/bin/notiflux") == "\n".join(lines)


def test_the_script_says_how_it_is_called():
    script = harness.ROOT / "scripts" / "package"
    for arguments in ([], ["rpm"], ["deb", "more"]):
        done = subprocess.run([script, *arguments], capture_output=True, text=True)
        assert done.returncode == 2 and "scripts/package deb" in done.stderr


# -- Its life


class Service:
    """notiflux.service on a machine."""

    def __init__(self, machine):
        self.machine = machine

    def __getitem__(self, property):
        return self.machine.run(f"systemctl show --property={property} --value notiflux").strip()

    @property
    def log(self):
        return self.machine.run("journalctl --unit=notiflux --output=cat --no-pager")

    def wait(self, **properties):
        harness.until(lambda: all(self[name] == value for name, value in properties.items()), str(properties))


@pytest.fixture(scope="module")
def host(debian_with_dependencies):
    """A machine that systemd has started."""
    with machine.Machine(debian_with_dependencies, init=["/lib/systemd/systemd"]) as host:
        states = ("running", "degraded")
        try:
            harness.until(lambda: host.run("systemctl is-system-running", check=False).strip() in states, "systemd is up")
        except AssertionError:
            pytest.skip("systemd does not start in a namespace here")
        host.before = host.files()
        yield host


@pytest.fixture(scope="module")
def service(host):
    return Service(host)


def install(host, deb, options=""):
    target = host.root / "tmp" / deb.name
    target.write_bytes(deb.read_bytes())
    return host.run(f"dpkg {options} --install /tmp/{deb.name}")


def newer(deb, folder):
    """The package of a later version, whose settings have one line more."""
    subprocess.run(["dpkg-deb", "--raw-extract", deb, folder], check=True)
    control = folder / "DEBIAN/control"
    control.write_text(re.sub(r"(?m)^Version: .*", "Version: 99.0.0-1", control.read_text()))
    with (folder / SETTINGS[1:]).open("a") as settings:
        settings.write("\n# New.\n#NOTIFLUX_NEW=\n")
    target = folder.with_name("notiflux_99.0.0-1.deb")
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "--build", folder, target], check=True, capture_output=True)
    return target


# Prints the id of the process. What it got is in a file.
LISTEN = "exec notiflux listen news --key /srv/keys/es256_private.pem --json >/tmp/listen 2>&1 & echo $!"

# Each step begins where the one before it ended.


def test_1_it_installs_without_a_key_and_says_what_to_do(host, service, deb):
    output = install(host, deb)
    assert f"cannot open {KEY}" in output and "systemctl start notiflux" in output
    assert (service["ActiveState"], service["UnitFileState"]) == ("inactive", "enabled")
    assert host.run("id --name --user notiflux").strip() == "notiflux"
    assert host.run("systemd-analyze verify --man=no notiflux.service") == ""


def test_2_without_a_key_a_start_fails_and_the_log_says_why(host, service):
    assert host.status("systemctl start notiflux") != 0
    assert f"cannot open {KEY}" in service.log
    host.run("systemctl stop notiflux; systemctl reset-failed notiflux")


def test_3_with_a_key_it_starts_as_its_own_user(host, service):
    host.run("notiflux keygen --out-dir /srv/keys && install -m 0644 /srv/keys/es256_public.pem /etc/notiflux/")
    host.run(f"set -a; . {SETTINGS}; exec runuser -u notiflux -- notiflux serve --check")
    host.run("systemctl start notiflux")
    assert service["ActiveState"] == "active"
    assert service["StatusText"] == "listening on http://127.0.0.1:8080"
    assert host.run(f"stat --format=%U /proc/{service['MainPID']}").strip() == "notiflux"
    exposure = host.run("systemd-analyze security notiflux.service | tail -1")
    assert float(re.search(r"service: ([0-9.]+)", exposure)[1]) < 2, exposure


def test_4_a_message_gets_through(host):
    since = host.run("notiflux publish news first --key /srv/keys/es256_private.pem").split()[-1]
    host.run("notiflux publish news second --key /srv/keys/es256_private.pem")
    listen = f"notiflux listen news --key /srv/keys/es256_private.pem --since {since} --count 1 --timeout 30s"
    assert "second" in host.run(listen)


def test_5_a_reload_reads_the_keys_and_refuses_bad_ones(host, service):
    process = service["MainPID"]
    host.run("systemctl reload notiflux")
    harness.until(lambda: "keys, certificates and revocations reloaded" in service.log, "a reload")
    # A signal without a check before it: the server keeps what it has, and the journal knows an error from a message.
    host.run(f"echo nonsense >> /etc/notiflux/revoked && kill -HUP {process}")
    errors = "journalctl --unit=notiflux --priority=err --output=cat --no-pager"
    harness.until(lambda: "the new ones are not good" in host.run(errors), "an error in the journal")
    assert "listening" not in host.run(errors)
    host.run("sed -i '$d' /etc/notiflux/revoked && systemctl reload notiflux")
    host.run(f"cp {KEY} /srv/good; echo nonsense > {KEY}")
    assert host.status("systemctl reload notiflux") != 0
    host.run(f"cp /srv/good {KEY}")
    assert (service["ActiveState"], service["MainPID"]) == ("active", process)


def test_6_a_server_that_hangs_is_started_again(host, service):
    host.run("mkdir -p /run/systemd/system/notiflux.service.d")
    drop_in = host.root / "run/systemd/system/notiflux.service.d/watchdog.conf"
    drop_in.write_text("[Service]\nWatchdogSec=2\n")
    host.run("systemctl daemon-reload && systemctl restart notiflux")
    process = service["MainPID"]
    host.run(f"kill -STOP {process}")
    harness.until(lambda: service["NRestarts"] == "1" and service["ActiveState"] == "active", "another start")
    assert service["MainPID"] != process
    assert "Watchdog timeout" in host.run("journalctl --unit=notiflux --no-pager")
    host.run("rm -r /run/systemd/system/notiflux.service.d && systemctl daemon-reload && systemctl restart notiflux")


def test_7_settings_that_no_start_would_mend_are_not_tried_again(host, service):
    host.run(f"cp {SETTINGS} /srv/settings; echo PORT=99999 >> {SETTINGS}")
    assert host.status("systemctl restart notiflux") != 0
    assert (service["ActiveState"], service["NRestarts"]) == ("failed", "0")
    assert 'PORT: "99999" is above 65535' in service.log
    host.run(f"cp /srv/settings {SETTINGS}; systemctl start notiflux")


def test_8_a_drain_may_take_longer_than_systemd_would_wait(host, service):
    host.run("mkdir -p /run/systemd/system/notiflux.service.d")
    drop_in = host.root / "run/systemd/system/notiflux.service.d/stop.conf"
    drop_in.write_text("[Service]\nTimeoutStopSec=1\nEnvironment=NOTIFLUX_DRAIN_TIMEOUT=4s\n")
    host.run("systemctl daemon-reload && systemctl restart notiflux")
    # A client that does not leave when it is told to.
    client = host.run(LISTEN).strip()
    harness.until(lambda: "subscribed" in host.run("cat /tmp/listen"), "a subscription")
    host.run(f"kill -STOP {client}; systemctl stop notiflux; kill -KILL {client}")
    assert (service["ActiveState"], service["Result"]) == ("inactive", "success")
    host.run("rm -r /run/systemd/system/notiflux.service.d && systemctl daemon-reload && systemctl start notiflux")


def test_9_an_upgrade_restarts_it_and_keeps_the_settings(host, service, deb, tmp_path):
    process = service["MainPID"]
    host.run(f"echo NOTIFLUX_LOG_FORMAT=json >> {SETTINGS}")
    settings = host.run(f"cat {SETTINGS}")
    install(host, newer(deb, tmp_path / "newer"), "--force-confdef --force-confold")
    assert host.run(f"cat {SETTINGS}") == settings
    assert host.run(f"tail -1 {SETTINGS}.dpkg-dist") == "#NOTIFLUX_NEW=\n"
    assert service["ActiveState"] == "active" and service["MainPID"] != process
    assert '"message":"stopped"' not in service.log and "stopped" in service.log
    assert '"message":"listening"' in service.log


PUBLISH = "notiflux publish news message --key /srv/keys/es256_private.pem --timeout 30s"
CURSOR = "[A-Za-z0-9_-]+:[0-9]+"


def over_socket(host, path, resource="/health"):
    """The answer over a Unix-domain socket of the machine."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(harness.PATIENCE)
        client.connect(str(host.root) + path)
        client.sendall(f"GET {resource} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while part := client.recv(65536):
            answer += part
        assert answer.startswith(b"HTTP/1.1 200 "), answer
        return answer.decode()


def test_10_with_the_socket_a_restart_has_no_connection_refused(host, service):
    host.run("systemctl stop notiflux && systemctl enable --now notiflux.socket && systemctl start notiflux")
    assert service["StatusText"] == "listening on http://127.0.0.1:8080"
    process = service["MainPID"]
    # One that does not leave when it is told to, so that the old server drains for a while.
    client = host.run(LISTEN).strip()
    harness.until(lambda: "subscribed" in host.run("cat /tmp/listen"), "a subscription")
    # One connection after the other, all the time. Each finds a server: the old one, which may say no, or the new one.
    said = host.run(
        f"kill -STOP {client}; systemctl restart notiflux & restart=$!; while kill -0 $restart 2>/dev/null; do "
        f"{PUBLISH} --retry 0 2>&1; done; kill -KILL {client}; {PUBLISH} --retry 0 2>&1")
    answers = said.splitlines()
    assert len(answers) > 1 and all(re.fullmatch(CURSOR, line) or "shutting down" in line for line in answers), said
    assert service["MainPID"] != process


def test_11_a_port_below_1024_takes_no_privileges_with_the_socket(host, service):
    host.run("mkdir -p /run/systemd/system/notiflux.socket.d")
    drop_in = host.root / "run/systemd/system/notiflux.socket.d/port.conf"
    drop_in.write_text("[Socket]\nListenStream=\nListenStream=127.0.0.1:80\nListenStream=/run/notiflux.sock\n")
    host.run("systemctl stop notiflux.socket notiflux && systemctl daemon-reload && systemctl start notiflux.socket notiflux")
    host.run(f"{PUBLISH} --url http://127.0.0.1")
    over_socket(host, "/run/notiflux.sock")
    host.run("rm -r /run/systemd/system/notiflux.socket.d && systemctl disable --now notiflux.socket"
             " && systemctl stop notiflux && systemctl daemon-reload && rm /run/notiflux.sock && systemctl start notiflux")


def test_12_it_may_have_its_sockets_in_a_directory_of_its_own(host, service):
    host.run(f"cp {SETTINGS} /srv/settings; echo NOTIFLUX_LISTEN=unix:/run/notiflux/notiflux.sock >> {SETTINGS}; "
             f"echo NOTIFLUX_ADMIN=unix:/run/notiflux/admin.sock >> {SETTINGS}")
    host.run("systemctl restart notiflux")
    over_socket(host, "/run/notiflux/notiflux.sock")
    assert host.run("stat --format='%U:%G %a' /run/notiflux/notiflux.sock").strip() == "notiflux:notiflux 660"
    # What the unit hides of the machine is not needed for any figure.
    metrics = over_socket(host, "/run/notiflux/admin.sock", "/metrics")
    figures = {name: float(re.search(rf"(?m)^process_{name} (\S+)$", metrics)[1]) for name in (
        "cpu_seconds_total", "resident_memory_bytes", "open_fds", "max_fds", "threads", "start_time_seconds")}
    assert min(figures.values()) > 0 and abs(figures["start_time_seconds"] - time.time()) < 600, figures
    host.run(f"mv /srv/settings {SETTINGS}; systemctl restart notiflux")


def test_13_a_removal_stops_it_and_a_purge_leaves_nothing(host, service):
    host.run("systemctl enable notiflux.socket")
    host.run("dpkg --remove notiflux")
    assert service["ActiveState"] != "active"
    assert host.status("command -v notiflux") != 0
    assert host.status(f"test -e {SETTINGS} && test -e {KEY}") == 0
    host.run("dpkg --purge notiflux")
    host.run("rm -rf /srv/keys /srv/good /srv/settings")
    after = host.files()
    assert sorted(path for path in after ^ host.before if not RECORDS.search(path)) == []
    assert host.run("id --name --user notiflux").strip() == "notiflux"


def test_a_machine_without_systemd_running_takes_it_too(debian_with_dependencies, deb):
    """As in a container, or a system that is being put together."""
    with machine.Machine(debian_with_dependencies) as host:
        before = host.files()
        assert f"cannot open {KEY}" in install(host, deb)
        assert pathlib.Path(host.root / SETTINGS[1:]).exists()
        host.run("dpkg --purge notiflux")
        assert sorted(path for path in host.files() ^ before if not RECORDS.search(path)) == []
