"""Setting a machine up may be repeated, and leaves nothing half done."""

import json
from pathlib import Path

import pytest

from shipworthy.errors import ProbeError
from shipworthy.house import HOUSE
from shipworthy.setup import (
    deno,
    find_browser,
    node_packages,
    node_program,
    node_script,
    supabase_command,
)
from shipworthy.setup.node import set_up_node

SOURCE = HOUSE / "fixtures" / "reference" / "node"


@pytest.fixture
def empty_cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("SHIPWORTHY_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_lock_file_names_versions_and_digests_but_no_registry():
    packages = json.loads((SOURCE / "package-lock.json").read_text())["packages"]

    locked = {name: entry for name, entry in packages.items() if name}
    assert locked
    assert not [name for name, entry in locked.items() if "resolved" in entry or "integrity" not in entry]


def test_npm_packages_are_installed_once(empty_cache):
    first, again = [], []
    set_up_node(first.append)
    set_up_node(again.append)

    assert "installed already" not in first[-1]
    assert "installed already" in again[-1]
    assert (node_packages() / "node_modules" / "@supabase" / "lite").is_dir()
    assert not list(empty_cache.glob("node-partial-*"))
    assert node_script("supabase_api.mjs").read_text() == (SOURCE / "supabase_api.mjs").read_text()
    assert not list(node_packages().glob("partial-*"))


def test_without_set_up_the_message_names_the_command(empty_cache):
    with pytest.raises(ProbeError, match="run: shipworthy setup"):
        node_packages()


def test_an_installation_that_fails_leaves_no_folder(empty_cache, monkeypatch):
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9")
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    monkeypatch.setenv("npm_config_cache", str(empty_cache / "npm"))

    with pytest.raises(ProbeError, match="npm ci failed"):
        set_up_node(lambda _: None)
    assert not [path for path in empty_cache.glob("node-*") if path.is_dir()]


def test_a_function_that_does_not_compile_is_named(empty_cache, tmp_path, monkeypatch):
    function = tmp_path / "house" / "supabase" / "functions" / "broken" / "index.ts"
    function.parent.mkdir(parents=True)
    function.write_text('const answer: number = "text";\n')
    services = tmp_path / "house" / "fixtures" / "reference" / "services"
    services.mkdir(parents=True)
    (services / "functions.ts").write_text("export {};\n")
    monkeypatch.setattr(deno, "HOUSE", tmp_path / "house")

    with pytest.raises(ProbeError, match=r"broken/index\.ts"):
        deno.set_up_deno(lambda _: None)


def test_a_remembered_browser_that_is_gone_is_not_believed(empty_cache):
    empty_cache.mkdir()
    (empty_cache / "browser").write_text("/nowhere/chrome\n")

    assert find_browser() != Path("/nowhere/chrome")


def test_the_remembered_browser_is_the_one(empty_cache):
    empty_cache.mkdir()
    (empty_cache / "browser").write_text(f"{node_program()}\n")

    assert find_browser() == node_program()


def test_without_the_supabase_cli_the_message_names_the_command(empty_cache, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ProbeError, match="run: shipworthy setup"):
        supabase_command()


def test_the_supabase_cli_of_the_machine_comes_first(empty_cache, tmp_path, monkeypatch):
    own = tmp_path / "supabase"
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert supabase_command() == (str(own),)
