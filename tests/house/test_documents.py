"""What the documents say is so."""

from __future__ import annotations

import re
import shlex
import tomllib

import pytest

import shipworthy
from docs import target_reference
from shipworthy.cli import main
from shipworthy.ledger import Outcome
from shipworthy.target import load_target

PAGES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs")
VARIABLES = {
    "SUPABASE_DB_URL": "postgresql://postgres:password-of-staging@db.example.com:5432/postgres",
    "SUPABASE_ANON_KEY": "an-anon-key",
    "SUPABASE_SERVICE_ROLE_KEY": "a-service-role-key",
}


@pytest.fixture(scope="session")
def pages(files, house):
    """Every page with its text."""
    return {
        file: file.read_text(encoding="utf-8")
        for file in files
        if file.suffix == ".md" and file.relative_to(house).parts[0] in PAGES
    }


@pytest.fixture
def readme(house):
    """The text of README.md."""
    return (house / "README.md").read_text(encoding="utf-8")


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def first_column(text, head):
    rows = text.partition(f"| {head} |")[2].partition("\n\n")[0].splitlines()[2:]
    return [row.split("|")[1].strip() for row in rows]


def test_links_lead_somewhere(pages, house):
    links = {
        (file, link.partition("#")[0])
        for file, text in pages.items()
        for link in re.findall(r"\]\(([^)\s]+)\)", text)
        if not link.startswith(("http://", "https://", "#"))
    }

    assert len(links) >= 4
    assert [
        f"{file.relative_to(house)}: {link}" for file, link in links if not (file.parent / link).exists()
    ] == []


def test_every_command_that_is_shown_is_understood(pages, capsys):
    shown = {
        command
        for text in pages.values()
        for block in blocks(text, "sh")
        for line in block.splitlines()
        for command in [line.partition("#")[0].strip()]
        if re.match(r"(\S*/)?shipworthy ", command)
    }

    assert len(shown) >= 4
    for command in shown:
        verb, *arguments = shlex.split(command)[1:]
        with pytest.raises(SystemExit) as ended:
            main([verb, *arguments, "--help"])
        assert ended.value.code == 0, command
        accepted = capsys.readouterr().out
        assert [word for word in arguments if word.startswith("--") and word not in accepted] == []


def test_the_table_of_commands_is_complete(readme, capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    listed = re.findall(r"^    ([a-z]+) ", capsys.readouterr().out, flags=re.MULTILINE)

    described = " ".join(first_column(readme, "command | does"))

    assert len(listed) >= 10
    assert [name for name in listed if f"`shipworthy {name}" not in described] == []


def test_every_stage_is_described_in_its_order(readme, catalogue):
    assert first_column(readme, "stage | what it proves") == list(
        dict.fromkeys(check.stage for check in catalogue)
    )


def test_every_outcome_is_described_with_what_it_does(readme):
    rows = re.findall(r"^\| (\w+) \| .* \| (yes|no) \|$", readme, flags=re.MULTILINE)

    assert dict(rows) == {str(outcome): "yes" if outcome.blocks else "no" for outcome in Outcome}


def test_the_target_file_that_the_readme_shows_is_valid(readme, tmp_path, monkeypatch):
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    target, waiver = blocks(readme, "toml")
    (tmp_path / "targets").mkdir()
    file = tmp_path / "targets" / "staging.toml"
    file.write_text(f"{target}\n{waiver}", encoding="utf-8")

    assert load_target(file).target.name == "staging"


def test_every_check_that_a_page_names_exists(pages, catalogue, house):
    known = {check.id for check in catalogue}
    stages = "|".join({check.stage for check in catalogue})
    named = {
        (file, name)
        for file, text in pages.items()
        for name in re.findall(rf"(?<![\w./\[])((?:{stages})\.[a-z_]+\.[a-z_]+)(?![\w.])", text)
    }

    assert named
    assert [f"{file.relative_to(house)}: {name}" for file, name in named if name not in known] == []


def test_every_planted_fault_that_a_page_names_exists(pages, planted):
    known = {fault.name for fault in planted}
    named = {name for text in pages.values() for name in re.findall(r"--plant ([a-z_]+\.[a-z_]+)", text)}

    assert named
    assert named - known == set()


def test_the_reference_of_the_target_file_is_current(house):
    written = (house / "docs" / "target.md").read_text(encoding="utf-8")

    assert written == target_reference.page(), "run `python docs/target_reference.py`"


def test_every_key_of_the_target_file_has_a_meaning(house):
    page = (house / "docs" / "target.md").read_text(encoding="utf-8")
    page = re.sub(
        r"## `\[web\.selectors\]`.*?\n## ", "## ", page, flags=re.DOTALL
    )  # named for what they select

    assert re.findall(r"^\| `(\w+)` \|.*\|  \|$", page, flags=re.MULTILINE) == []


def test_there_is_one_version(house):
    project = tomllib.loads((house / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert project["version"] == shipworthy.__version__
