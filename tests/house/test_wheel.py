"""The wheel is the house: the same files run from an installation as from a checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile

import pytest

pytestmark = pytest.mark.xdist_group("wheel")  # built and installed once

TRAVELS = ("suites", "fixtures", "supabase", "load", "targets")
LARGEST_FILE = 200_000
LARGEST_WHEEL = 2_000_000


@pytest.fixture(scope="session")
def wheel(house, tmp_path_factory):
    """The wheel as pip builds it."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", str(house), "--no-deps", "--quiet", "-w", str(folder)],
        check=True, timeout=300, cwd=folder,
    )  # fmt: skip
    (built,) = folder.glob("shipworthy-*.whl")
    return built


@pytest.fixture(scope="session")
def inside(wheel):
    """Every file in the wheel with its content."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_wheel_carries_the_house_unchanged(inside, files, house):
    travelling = [file for file in files if file.relative_to(house).parts[0] in TRAVELS]
    travelling += [house / "conftest.py", house / "pyproject.toml"]
    carried = {
        str(file.relative_to(house)): inside.get(f"shipworthy/_house/{file.relative_to(house).as_posix()}")
        for file in travelling
    }

    assert len(carried) > 50
    assert [name for name, content in carried.items() if content is None] == []
    assert [name for name, content in carried.items() if content != (house / name).read_bytes()] == []


def test_the_wheel_carries_nothing_else(inside, files, house):
    known = {file.relative_to(house).as_posix() for file in files}
    written = (name for name in inside if ".dist-info/" not in name)

    assert [name for name in written if name.removeprefix("shipworthy/_house/") not in known] == []


def test_the_wheel_is_small(wheel, inside):
    assert {name: len(content) for name, content in inside.items() if len(content) > LARGEST_FILE} == {}
    assert wheel.stat().st_size < LARGEST_WHEEL


@pytest.fixture(scope="session")
def installed(wheel, tmp_path_factory):
    """The command of the wheel, installed into an environment where nothing else was."""
    venv = tmp_path_factory.mktemp("installed") / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True, timeout=120)
    subprocess.run(
        [venv / "bin" / "python", "-m", "pip", "install", "--quiet", str(wheel)],
        check=True, timeout=600, env=environment(),
    )  # fmt: skip
    return str(venv / "bin" / "shipworthy")


@pytest.mark.slow
def test_an_installed_wheel_explains_its_checks_in_an_empty_folder(installed, tmp_path):
    catalogue = output([installed, "checks"], tmp_path)
    check = next(word for word in catalogue.split() if word.startswith("access.rls."))

    assert "why  " in output([installed, "explain", check], tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_an_installed_wheel_judges_the_reference_deployment_with_a_stage_of_ones_own(installed, tmp_path):
    write_own_stage(tmp_path)

    said = output([installed, "run", "local", "--stage", "preflight", "--stage", "own"], tmp_path)

    assert "GO, partial: preflight, own" in said
    assert "promise.two_and_two_are_four" in said
    assert len(list(tmp_path.glob("reports/runs/local/*/report.html"))) == 1


def write_own_stage(folder):
    stage = folder / "suites" / "95_own"
    stage.mkdir(parents=True)
    (stage / "test_promise.py").write_text(
        "def test_two_and_two_are_four(findings):\n"
        '    """Two and two are four.\n\n    Why: it is promised.\n    Fix: count again.\n    """\n'
        "    for number in findings.over([2], 'numbers'):\n"
        "        assert number + number == 4\n"
    )


def environment():
    """Keep what pip and set-up need of our own environment, and nothing that leads back to the checkout."""
    kept = {"PATH", "LANG", "HOME", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "SHIPWORTHY_CACHE"}
    beginnings = ("PIP_", "npm_config_", "XDG_", "PLAYWRIGHT_")
    return {name: value for name, value in os.environ.items() if name in kept or name.startswith(beginnings)}


def output(command, folder):
    done = subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
