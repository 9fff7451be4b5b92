"""Fixtures: the packages that scripts/package made, and throwaway machines to try them on."""

import pathlib
import re
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "Interoperability"))

import harness  # noqa: E402
import machine  # noqa: E402

PACKAGES = harness.ROOT / ".build" / "package"


@pytest.fixture(scope="session")
def deb():
    """The newest package of the program."""
    found = sorted(PACKAGES.glob("notiflux_*.deb"), key=lambda path: path.stat().st_mtime)
    assert found, "there is no package: run scripts/package deb"
    return found[-1]


@pytest.fixture(scope="session")
def symbols(deb):
    return deb.with_name(deb.name.replace("notiflux_", "notiflux-dbgsym_"))


@pytest.fixture(scope="session")
def unpacked(deb, tmp_path_factory):
    """What the package would install."""
    folder = tmp_path_factory.mktemp("unpacked")
    subprocess.run(["dpkg-deb", "--extract", deb, folder], check=True)
    return folder


def field(deb, name):
    return subprocess.run(["dpkg-deb", "--field", deb, name], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="session")
def machines():
    """Skips where there can be none."""
    if reason := machine.missing():
        pytest.skip(reason)


@pytest.fixture(scope="session")
def debian(machines):
    """The layers of a minimal Debian."""
    return machine.base_layer()


@pytest.fixture(scope="session")
def debian_with_dependencies(machines, deb):
    """The layers of a minimal Debian with what the package depends on, the first of each alternative, and nothing else."""
    depends = re.sub(r" *(\([^)]*\)|\|[^,]*)", "", field(deb, "Depends")).split(", ")
    return machine.layer_with(depends)
