"""A notiflux server that is counted by callgrind: the instructions of all its threads, and its allocations."""

import collections
import contextlib
import ctypes
import dataclasses
import errno
import os
import pathlib
import re
import shutil
import signal
import struct
import subprocess
import time

PATIENCE = 60  # seconds; far beyond what any step takes
ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)")
ALLOCATORS = {"malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc", "memalign"}


class Failure(Exception):
    """What went wrong, for a person."""


@dataclasses.dataclass(frozen=True)
class Counts:
    """What was done between two dumps."""

    instructions: int
    own: collections.Counter  # instructions by the symbol they are in
    calls: collections.Counter  # by the symbol that was called
    addresses: collections.Counter  # instructions by where they are

    @property
    def allocations(self):
        return sum(count for symbol, count in self.calls.items() if symbol.removeprefix("__libc_") in ALLOCATORS)

    def code_lines(self, operations):
        """The lines of 64 bytes, as a cache has them, of which something was executed in most of so many operations."""
        return len({address // 64 for address, count in self.addresses.items() if count > operations / 2})

    @staticmethod
    def read(path):
        """From callgrind's file (https://valgrind.org/docs/manual/cl-format.html)."""
        names, own, calls, addresses = {}, collections.Counter(), collections.Counter(), collections.Counter()
        caller = callee = ""
        is_of_call = False  # the line after a call has what was done in it
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition("=")
            if key in ("fn", "cfn"):
                number, _, name = value.partition(" ")
                if name:
                    names[number] = name.split("'")[0]  # a recursive call has its depth behind the name
                if key == "fn":
                    caller = names[number]
                else:
                    callee = names[number]
            elif key == "calls":
                inner = callee in ALLOCATORS and caller in ALLOCATORS  # calloc and realloc may be made of malloc
                calls[callee] += 0 if inner else int(value.split()[0])
                is_of_call = True
            elif line[:1] == "0":
                if not is_of_call:
                    address, count = line.split()
                    own[caller] += int(count)
                    addresses[int(address, 16)] += int(count)
                is_of_call = False
        return Counts(own.total(), own, calls, addresses)


def stripped(binary, folder):
    """A copy of `binary` without its debug information, which valgrind cannot read; the symbols stay."""
    copy = folder / "notiflux"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    subprocess.run(["strip", "--strip-debug", "-o", copy, binary], check=True)
    return copy


IO_URING_SETUP = 425


def grants_io_uring():
    """Whether the kernel does."""
    ring = ctypes.CDLL(None).syscall(IO_URING_SETUP, 1, ctypes.create_string_buffer(120))
    if ring >= 0:
        os.close(ring)
    return ring >= 0


def prctl(*arguments):
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(*arguments) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def end_with_parent():
    """Has this process killed when the one that started it ends, however it does."""
    pr_set_pdeathsig = 1
    prctl(pr_set_pdeathsig, signal.SIGKILL)


def refuse_io_uring():
    """Has io_uring_setup(2) fail in this process and its children: counts that any kernel gives."""
    pr_set_seccomp, pr_set_no_new_privs, seccomp_mode_filter = 22, 38, 2
    refusal, allowance = 0x00050000 | errno.ENOSYS, 0x7FFF0000
    # Load the number of the system call; if it is this one, refuse, else allow (seccomp(2)).
    instructions = [(0x20, 0, 0, 0), (0x15, 0, 1, IO_URING_SETUP), (0x06, 0, 0, refusal), (0x06, 0, 0, allowance)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *each) for each in instructions))
    program = struct.pack("HP", len(instructions), ctypes.addressof(code))
    prctl(pr_set_no_new_privs, 1, 0, 0, 0)
    prctl(pr_set_seccomp, seccomp_mode_filter, ctypes.c_char_p(program), 0, 0)


class Server:
    """`notiflux serve` with one worker under callgrind, on a free port. A context: leaving it ends the server."""

    def __init__(self, program, public_key, folder, allows_ring=False):
        folder.mkdir(parents=True)
        self.folder = folder
        self.dumps = 0
        self.gate = f"--vgdb-prefix={folder}/vgdb"  # where vgdb finds it; valgrind leaves files there
        self.log = folder / "server.log"
        environment = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                ["valgrind", "--tool=callgrind", self.gate, f"--log-file={folder}/valgrind.log",
                 f"--callgrind-out-file={folder}/counts", "--dump-instr=yes", "--dump-line=no", "--compress-pos=no",
                 program, "serve", "--port", "0", "--workers", "1",
                 "--public-key", public_key],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                # Without it Swift's hash tables are laid out differently in every process.
                env={**environment, "SWIFT_DETERMINISTIC_HASHING": "1"},
                preexec_fn=lambda: (end_with_parent(), None if allows_ring else refuse_io_uring()),
            )
        self.tasks = pathlib.Path(f"/proc/{self.process.pid}/task")

    def __enter__(self):
        end = time.monotonic() + PATIENCE
        while not (match := ADDRESS.search(self.log.read_text())):
            if self.process.poll() is not None or time.monotonic() > end:
                self.__exit__()
                raise Failure(f"the server did not start under valgrind:\n{self.log.read_text()}")
            time.sleep(0.02)
        self.port = int(match[1])
        self.rest()
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()  # what it would count while it drains is of no use
        self.process.wait()

    @contextlib.contextmanager
    def uncounted(self):
        """What is done inside is not counted, and takes less time."""
        self._tell("instrumentation", "off")
        yield
        self._tell("instrumentation", "on")

    def dump(self, label=None):
        """What was done since the last dump. With a label the file of it is kept, as `label`.out."""
        self._tell("dump")
        self.dumps += 1
        path = self.folder / f"counts.{self.dumps}"
        counts = Counts.read(path)
        if label:
            path.rename(self.folder / f"{label}.out")
        else:
            path.unlink()
        return counts

    def _tell(self, *command):
        self.rest()
        done = subprocess.run(["vgdb", self.gate, f"--pid={self.process.pid}", *command], capture_output=True, text=True)
        if done.returncode != 0:
            raise Failure(f"vgdb cannot reach the server: {done.stderr.strip()}\n{self.log.read_text()}")

    def rest(self):
        """Returns when the server has nothing to do."""
        self._wait_for("S", looks=3)

    def pause(self):
        """Stops the server, so that what is sent now all arrives at once when it goes on."""
        self.process.send_signal(signal.SIGSTOP)
        self._wait_for("T", looks=1)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def _wait_for(self, state, looks):
        end, seen = time.monotonic() + PATIENCE, 0
        while seen < looks:
            seen = seen + 1 if self._states() == {state} else 0
            if self.process.poll() is not None:
                raise Failure(f"the server has ended:\n{self.log.read_text()}")
            if time.monotonic() > end:
                raise Failure("the server does not come to rest")
            time.sleep(0.0005)

    def _states(self):
        """What its threads are at (proc_pid_stat(5))."""
        states = set()
        for task in self.tasks.iterdir():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread may end meanwhile
                states.add((task / "stat").read_text().rpartition(")")[2].split()[0])
        return states
