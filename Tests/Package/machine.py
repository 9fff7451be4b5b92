"""Throwaway machines: a Debian of its own in namespaces of its own, over layers that are kept in .build/package/layers.

What happens there is gone with the machine. It takes root, and the kernel's overlayfs.
"""

import contextlib
import hashlib
import os
import pathlib
import shutil
import signal
import subprocess

import harness

LAYERS = harness.ROOT / ".build" / "package" / "layers"
SOURCES = ("/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list")
CGROUPS = pathlib.Path("/sys/fs/cgroup")
BOOT = pathlib.Path(__file__).with_name("boot")
APT = "DEBIAN_FRONTEND=noninteractive apt-get --quiet --yes"


def codename():
    return next(line.partition("=")[2].strip() for line in open("/etc/os-release") if line.startswith("VERSION_CODENAME="))


def missing():
    """Why there can be no such machines here; nothing if there can."""
    if os.geteuid() != 0:
        return "machines need root"
    if "overlay" not in pathlib.Path("/proc/filesystems").read_text():
        return "machines need overlayfs"
    if subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"]).returncode:
        return "machines need namespaces"
    return None


def base_layer():
    """A minimal Debian of the release that runs here, as the images called slim are."""
    layer = LAYERS / f"base-{codename()}"
    if not layer.exists():
        half = layer.with_suffix(".half")
        shutil.rmtree(half, ignore_errors=True)
        LAYERS.mkdir(parents=True, exist_ok=True)
        sources = [path for path in SOURCES if os.path.exists(path) and os.path.getsize(path)][:1]
        subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", codename(), half, *sources], check=True)
        half.rename(layer)
    return [layer]


def layer_with(packages):
    """The same with more packages, and no package lists."""
    base = base_layer()
    name = hashlib.sha256(" ".join(packages).encode()).hexdigest()[:16]
    layer = LAYERS / f"{codename()}-{name}"
    if not layer.exists():
        with Machine(base, isolated=False) as machine:
            machine.run(f"apt-get --quiet update && {APT} install --no-install-recommends {' '.join(packages)}"
                        " && apt-get clean && rm -rf /var/lib/apt/lists/*")
            half = layer.with_suffix(".half")
            shutil.rmtree(half, ignore_errors=True)
            # What lives in memory or is the kernel's is on other file systems.
            subprocess.run(["cp", "--archive", "--one-file-system", f"{machine.root}/.", half], check=True)
            half.rename(layer)
    return [layer]


class Machine:
    """Runs from `with` to its end. `isolated`: with no network but its own loopback."""

    def __init__(self, layers, init=("/bin/sleep", "infinity"), isolated=True):
        self._command = ["unshare", "--mount", "--pid", "--uts", "--ipc", "--cgroup", "--fork", "--kill-child",
                         *(["--net"] if isolated else []), BOOT, ":".join(map(str, layers)), *init]

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self._cgroup = stack.enter_context(own_cgroup())
            self._process = subprocess.Popen(
                ["sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', self._cgroup, *map(str, self._command)],
                stderr=subprocess.PIPE)
            stack.callback(self._end)
            self.pid = harness.until(self._first_process, "a machine begins")
            harness.until(self._has_booted, "a machine has its root")
            self._stack = stack.pop_all()
        # For the network of the host, where the machine has it.
        if os.path.exists("/etc/resolv.conf"):
            (self.root / "etc/resolv.conf").unlink(missing_ok=True)
            shutil.copyfile("/etc/resolv.conf", self.root / "etc/resolv.conf")
        return self

    def __exit__(self, *_):
        self._stack.close()

    def _end(self):
        self._process.kill()
        self._process.wait()
        self._process.stderr.close()
        harness.until(lambda: not (self._cgroup / "cgroup.procs").read_text(), "a machine is gone")

    def _first_process(self):
        assert self._process.poll() is None, self._process.stderr.read().decode()
        children = pathlib.Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        return int(children[0]) if children else None

    def _has_booted(self):
        assert self._process.poll() is None, self._process.stderr.read().decode()
        return b"Tests/Package/boot" not in pathlib.Path(f"/proc/{self.pid}/cmdline").read_bytes()

    @property
    def root(self):
        """Its file system, from here."""
        return pathlib.Path(f"/proc/{self.pid}/root")

    def command(self, script, environment=None, prefix=()):
        """A command line that runs a shell script there, with no variables but those given."""
        variables = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", **(environment or {})}
        return ["nsenter", f"--target={self.pid}", "--mount", "--pid", "--uts", "--ipc", "--net", "--cgroup", "env", "-i",
                *[f"{name}={value}" for name, value in variables.items()], *prefix, "sh", "-c", script]

    def run(self, script, check=True, timeout=300, **how):
        """What it printed, errors and all; with `check` it must end well."""
        done = subprocess.run(self.command(script, **how), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=timeout)
        output = done.stdout.decode()
        assert not check or done.returncode == 0, f"{script}: {done.returncode}\n{output}"
        return output

    def status(self, script, **how):
        """With which code it ends."""
        return subprocess.run(self.command(script, **how), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, timeout=harness.PATIENCE).returncode

    def files(self):
        """Every path, but for what lives in memory."""
        found = self.run("find / -xdev -not -path '/tmp/*' -print").split("\n")
        return {path for path in found if path}


@contextlib.contextmanager
def own_cgroup():
    """A control group for one machine, which takes those that are made in it along."""
    parent = CGROUPS if (CGROUPS / "cgroup.controllers").exists() else CGROUPS / "systemd"
    group = parent / f"notiflux-test-{os.getpid()}-{os.urandom(4).hex()}"
    group.mkdir()
    try:
        yield group
    finally:
        for folder, _, _ in os.walk(group, topdown=False):
            harness.until(lambda: _is_removed(folder), f"{folder} is empty")


def _is_removed(group):
    with contextlib.suppress(OSError):
        os.rmdir(group)
    return not os.path.exists(group)
