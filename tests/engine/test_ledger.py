"""The ledger survives what happens to its writer, and shows what happens to its lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from shipworthy.errors import RunError
from shipworthy.ledger import Ledger, LedgerReader, read_ledger


def test_half_a_line_of_a_killed_writer_is_dropped_and_the_chain_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    first = Ledger(path)
    first.append("start", text="a line separator \u2028 inside")
    first.append("check", check="a.b.c")
    first.close()
    with path.open("a") as file:
        file.write('{"event":"che')
    second = Ledger(path)
    second.append("stopped", reason="killed")
    second.close()
    assert [entry["event"] for entry in read_ledger(path)] == ["start", "check", "stopped"]


def test_a_writer_killed_in_its_first_line_leaves_an_empty_ledger(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_text('{"event":"sta')
    Ledger(path).append("stopped", reason="killed")
    assert [entry["event"] for entry in read_ledger(path)] == ["stopped"]


@pytest.mark.parametrize("change", ["edited", "removed", "swapped"])
def test_a_changed_line_is_seen(tmp_path: Path, change: str) -> None:
    path = tmp_path / "ledger.jsonl"
    ledger = Ledger(path)
    for number in range(4):
        ledger.append("check", number=number)
    ledger.close()
    lines = path.read_text().splitlines()
    if change == "edited":
        lines[1] = lines[1].replace('"number":1', '"number":9')
    elif change == "removed":
        del lines[1]
    else:
        lines[1], lines[2] = lines[2], lines[1]
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(RunError, match="the ledger was changed"):
        read_ledger(path)


def test_a_reader_gives_each_whole_line_once(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    ledger, reader = Ledger(path), LedgerReader(path)
    ledger.append("one")
    assert [entry["event"] for entry in reader.new_entries()] == ["one"]
    with path.open("a") as file:
        file.write('{"event":"two"')
    assert list(reader.new_entries()) == []
    with path.open("a") as file:
        file.write("}\n")
    assert [entry["event"] for entry in reader.new_entries()] == ["two"]
