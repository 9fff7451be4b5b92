"""The container image, as far as it can be tried without an engine: the steps of its last stage on a throwaway machine, then its
command as its user, and its health check."""

import json
import re
import shutil
import signal
import socket
import subprocess

import pytest

import dockerfile
import harness
import machine

ROOT = harness.ROOT
BUILD, FINAL = dockerfile.read(ROOT / "deploy" / "Dockerfile")


def installed_by(stage):
    return {word for text in stage.all("RUN") for command in text.split("&&") if "apt-get install " in command
            for word in command.split("apt-get install ")[1].split() if not word.startswith("-")}


def is_in_context(path):
    """What Dockerfile.dockerignore lets through: all is left out but what is named."""
    lines = (ROOT / "deploy" / "Dockerfile.dockerignore").read_text().split("\n")
    patterns = [line for line in lines if line and not line.startswith("#")]
    assert patterns[0] == "*" and all(pattern.startswith("!") for pattern in patterns[1:])
    return any(path == kept[1:] or path.startswith(kept[1:] + "/") for kept in patterns[1:])


# -- What it says


def test_all_that_is_copied_is_there_and_in_the_context():
    for stage in (BUILD, FINAL):
        for origin, sources, _ in stage.copies:
            for source in sources if origin is None else []:
                assert (ROOT / source).exists(), source
                assert is_in_context(source), source


def test_the_build_has_every_folder_that_the_package_names():
    copied = {source for origin, sources, _ in BUILD.copies for source in sources}
    manifest = (ROOT / "Package.swift").read_text()
    folders = {path.split("/")[0] for path in re.findall(r'path: "([^"]+)"', manifest)} | {"Sources", "Tests"}
    assert folders <= copied


def test_the_build_is_the_one_of_the_deployed_binary():
    assert any(text.startswith("scripts/build ") for text in BUILD.all("RUN"))
    required = re.search(r"scripts/require (.*)", (ROOT / "scripts/build").read_text())[1].split()
    assert set(required) == installed_by(BUILD)


def test_both_stages_are_of_one_release_of_debian():
    assert BUILD.base.endswith("-bookworm") and FINAL.base == "debian:bookworm-slim"


def test_the_user_is_not_root():
    user, group = FINAL.last("USER").split(":")
    assert int(user) > 0 and int(group) > 0


# -- What it does


@pytest.fixture(scope="module")
def image(debian, unpacked):
    """A machine on which the last stage was carried out, and the variables of a container."""
    if machine.codename() not in FINAL.base:
        pytest.skip(f"this is {machine.codename()}, the image is {FINAL.base}")
    with machine.Machine(debian, isolated=False) as image:
        image.before = image.run("dpkg-query --show --showformat '${Package}\\n'").split()
        for instruction, text in FINAL.steps:
            if instruction == "RUN":
                image.run(text, environment={"DEBIAN_FRONTEND": "noninteractive"})
        for origin, sources, target in FINAL.copies:
            for source in sources:
                # What the build stage makes is what the package has.
                file = unpacked / "usr/bin/notiflux" if origin else ROOT / source
                place = image.root / target[1:]
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, place)
        yield image


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return harness.Keys.make(tmp_path_factory.mktemp("keys"))


class Container:
    """The image's command as the image's user, with more variables."""

    def __init__(self, image, **variables):
        user, group = FINAL.last("USER").split(":")
        self.image = image
        self.how = {
            "environment": {**FINAL.environment, "PORT": str(harness.free_port()), **variables},
            "prefix": ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", "--no-new-privs"],
        }
        self.directory = FINAL.last("WORKDIR")

    def __enter__(self):
        command = f"cd {self.directory} && exec {' '.join(FINAL.command)}"
        self.process = subprocess.Popen(self.image.command(command, **self.how), stderr=subprocess.PIPE, text=True)
        self.listening = next((line for line in self.process.stderr if "listening" in line), None)
        assert self.listening, "it does not listen"
        return self

    def __exit__(self, *_):
        self.signal(FINAL.last("STOPSIGNAL").removeprefix("SIG"))
        try:
            _, log = self.process.communicate(timeout=harness.PATIENCE)
        except subprocess.TimeoutExpired:
            self.signal("KILL")
            raise
        assert self.process.returncode == 0, log

    def signal(self, name):
        self.image.run(f"kill -{name} $(cat /proc/[0-9]*/stat | sed -n 's/^\\([0-9]*\\) (notiflux).*/\\1/p')", check=False)
        if name == "CONT":
            # nsenter stops with what it runs.
            self.process.send_signal(signal.SIGCONT)

    def is_healthy(self):
        """As the engine finds it, which gives up after the time-out."""
        options, command = FINAL.health_check
        return self.image.status(f"timeout {options['timeout']} {' '.join(command)}", **self.how) == 0


def test_the_libraries_named_are_those_the_program_needs(image):
    libraries = image.run("ldd /usr/local/bin/notiflux")
    assert "not found" not in libraries
    paths = re.findall(r"=> (/\S+)", libraries)
    owners = set()
    for path in paths:
        # dpkg knows the files of /lib by the one or the other name, since both are one folder.
        found = image.run(f"dpkg --search {path} /usr{path} 2>/dev/null", check=False)
        owners.add(found.split(":")[0])
    named = installed_by(FINAL) - {"ca-certificates", "openssl"}
    assert named <= owners
    assert owners - named <= {"libc6", "libgcc-s1", "libtinfo6"}, "each of these is a part of every Debian"


def test_it_serves_as_its_user_and_is_healthy(image, keys):
    with Container(image, JWT_PUBLIC_KEY_B64=base64(keys.public)) as container:
        assert "http://0.0.0.0:" in container.listening
        assert container.is_healthy()
        container.signal("STOP")
        try:
            assert not container.is_healthy()
        finally:
            container.signal("CONT")
        assert container.is_healthy()


def test_it_is_healthy_with_tls_and_on_loopback_of_ipv6(image, keys):
    folder = image.root / "srv"
    subprocess.run(["openssl", "req", "-x509", "-key", keys.private, "-out", folder / "certificate.pem", "-days", "1",
                    "-subj", "/CN=push.example.com"], check=True, capture_output=True)
    shutil.copy(keys.private, folder / "key.pem")
    (folder / "key.pem").chmod(0o644)
    variables = {"JWT_PUBLIC_KEY_B64": base64(keys.public), "NOTIFLUX_TLS_CERTIFICATE": "/srv/certificate.pem",
                 "NOTIFLUX_TLS_KEY": "/srv/key.pem"}
    with Container(image, **variables) as container:
        assert "https://" in container.listening
        assert container.is_healthy()
    if socket.has_ipv6:
        with Container(image, HOST="::", **variables) as container:
            assert container.is_healthy()


def test_it_is_not_healthy_without_a_server(image):
    assert not Container(image).is_healthy()
    assert not Container(image, NOTIFLUX_TLS_CERTIFICATE="/srv/certificate.pem").is_healthy()


def test_other_commands_work_too(image):
    entry = json.loads(FINAL.last("ENTRYPOINT"))
    assert "Subscribe over WebSockets" in image.run(" ".join([*entry, "help"]), **Container(image).how)


def base64(path):
    return subprocess.run(["base64", "-w0", path], check=True, capture_output=True, text=True).stdout
