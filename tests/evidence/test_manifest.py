"""A folder that was sealed shows every change made to it afterwards."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shipworthy.evidence.manifest import check, seal, write_whole


@pytest.fixture
def sealed(tmp_path):
    folder = tmp_path / "run"
    (folder / "stages" / "ui").mkdir(parents=True)
    (folder / "verdict.json").write_text('{"verdict": "NO-GO"}')
    (folder / "stages" / "ui" / "page.png").write_bytes(b"\x89PNG")
    seal(folder)
    return folder


def test_an_untouched_folder_has_no_problem(sealed):
    assert check(sealed) == []
    assert set(json.loads((sealed / "manifest.json").read_text())["files"]) == {
        "verdict.json",
        "stages/ui/page.png",
    }


def test_the_committed_sample_is_as_it_was_sealed():
    assert check(Path(__file__).parents[2] / "reports" / "sample") == []


def test_a_changed_byte_shows(sealed):
    (sealed / "verdict.json").write_text('{"verdict":   "GO"  }')

    (problem,) = check(sealed)
    assert problem.key == "verdict.json"
    assert problem.saw.startswith("changed")


def test_a_missing_file_shows(sealed):
    (sealed / "stages" / "ui" / "page.png").unlink()

    assert [(problem.key, problem.saw) for problem in check(sealed)] == [("stages/ui/page.png", "missing")]


@pytest.mark.parametrize("name", ["stages/ui/other.png", ".hidden", "stages/verdict.json"])
def test_an_added_file_shows(sealed, name):
    (sealed / name).write_text("added")

    assert [problem.key for problem in check(sealed)] == [name]


def test_a_file_replaced_by_a_link_shows(sealed, tmp_path):
    twin = tmp_path / "twin.json"
    (sealed / "verdict.json").rename(twin)
    (sealed / "verdict.json").symlink_to(twin)

    assert [problem.key for problem in check(sealed)] == ["verdict.json"]


def test_an_attestation_may_come_later(sealed):
    (sealed / "attestation.json").write_text("{}")

    assert check(sealed) == []


@pytest.mark.parametrize("content", [None, "", "[]", '{"version": 1}', '{"version": 2, "files": {}}'])
def test_a_folder_without_a_readable_manifest_is_not_sealed(sealed, content):
    (sealed / "manifest.json").unlink()
    if content is not None:
        (sealed / "manifest.json").write_text(content)

    (problem,) = check(sealed)
    assert problem.key == "manifest.json"


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "verdict.json"
    path.write_text("before")

    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "half \ud800 of it")

    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]
