"""The wheel is the house: the same files run from an installation as from a checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile

import pytest

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


def test_an_installed_wheel_works_in_an_empty_folder(wheel, tmp_path):
    environment = _environment(tmp_path)
    shipworthy = _install(wheel, tmp_path / "venv", environment)
    empty = tmp_path / "empty"
    empty.mkdir()

    catalogue = _output([shipworthy, "checks"], empty, environment)
    assert "access.rls." in catalogue
    _output([shipworthy, "explain", catalogue.split("access.rls.")[1].split()[0].join(["access.rls.", ""])],
            empty, environment)  # fmt: skip
    assert list(empty.iterdir()) == []


@pytest.mark.slow
def test_an_installed_wheel_judges_the_reference_deployment(wheel, tmp_path):
    environment = _environment(tmp_path)
    shipworthy = _install(wheel, tmp_path / "venv", environment)
    own = tmp_path / "own"
    _write_own_stage(own)

    said = _output([shipworthy, "run", "local", "--stage", "preflight", "--stage", "own"], own, environment)

    assert "GO, partial: preflight, own" in said
    assert "own.promise.two_and_two_are_four" in said


def _write_own_stage(folder):
    stage = folder / "suites" / "95_own"
    stage.mkdir(parents=True)
    (stage / "test_promise.py").write_text(
        "def test_two_and_two_are_four(findings):\n"
        '    """Two and two are four.\n\n    Why: it is promised.\n    Fix: count again.\n    """\n'
        "    for number in findings.over([2], 'numbers'):\n"
        "        assert number + number == 4\n"
    )


def _environment(folder):
    kept = {"PATH", "LANG", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "HOME"}
    return {
        name: value
        for name, value in os.environ.items()
        if name in kept or name.startswith(("PIP_", "npm_config_", "XDG_", "PLAYWRIGHT_"))
    } | {"TMPDIR": str(folder), "COLUMNS": "200"}


def _install(wheel, venv, environment):
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True, timeout=120)
    python = venv / "bin" / "python"
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", str(wheel)], check=True, timeout=600, env=environment
    )
    return str(venv / "bin" / "shipworthy")


def _output(command, folder, environment):
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
