"""``python -m tests.engines [--page] [--python PATH] [--keep FOLDER] [WORD …]``.

Serves a tiny model with a real engine, judges it by the stage inference and compares what is found with
what is known. Exit codes: 0 nothing new, 1 a finding that is not known, 2 the engine could not be judged.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import tomlkit

from shipworthy.house import HOUSE
from shipworthy.ledger import read_ledger
from tests.engines.known import Comparison, Deviation, Known, Seen, compare, read_known, seen_in
from tests.engines.page import PAGE, page
from tests.engines.serving_engine import MODEL, Engine, EngineError, transformers_serve
from tests.engines.tiny_model import CONTEXT_TOKENS

JUDGING_S = 1500.0


def main() -> int:
    """Judge the engine, or write the page."""
    parser = argparse.ArgumentParser(prog="python -m tests.engines", description=__doc__)
    parser.add_argument("--page", action="store_true", help="write docs/engines.md from known.toml, no more")
    parser.add_argument("--python", default=sys.executable, help="interpreter of the engine's environment")
    parser.add_argument("--keep", type=Path, help="folder for the model, the engine's log and the reports")
    parser.add_argument("words", nargs="*", help="further words for `shipworthy run`: --check ID")
    options, words = parser.parse_known_args()
    known = read_known()
    if options.page:
        PAGE.write_text(page(known), encoding="utf-8")
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # an end that still ends the engine
    with ExitStack() as kept:
        folder = options.keep or Path(kept.enter_context(tempfile.TemporaryDirectory(prefix="engines-")))
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with transformers_serve(options.python, folder.resolve(), _say) as engine:
                seen = judge(engine, known, [*options.words, *words])
        except EngineError as error:
            _say(f"NOT JUDGED: {error}")
            return 2
    return report(compare(seen, known), known, engine, whole=not (words or options.words))


def judge(engine: Engine, known: Known, words: Sequence[str]) -> list[Seen]:
    """Run the gate against the engine as a user would, and give what it found.

    Raises:
        EngineError: the run left no record.

    """
    folder = engine.model.parent
    target = folder / "engine.toml"
    promised = {"url": f"{engine.url}/v1", "model": MODEL, "context_tokens": CONTEXT_TOKENS}
    offered = {"offers": list(known.offers), "tokenizer": str(engine.model / "tokenizer.json")}
    offered |= {"health": f"{engine.url}/health"}
    section = {"name": "engine", "writes": "none", "inference": {"instant": promised | offered}}
    target.write_text(tomlkit.dumps(section), encoding="utf-8")
    command = [sys.executable, "-m", "shipworthy.cli", "run", str(target), "--stage", "inference"]
    command += ["--reports", str(folder / "reports"), "-n", "0", *words]
    _say(f"judging: shipworthy {' '.join(command[3:])}")
    environment = os.environ | {"PYTHONPATH": str(HOUSE)}
    before = set(_ledgers(folder))
    try:
        subprocess.run(command, cwd=folder, env=environment, timeout=JUDGING_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise EngineError(f"the gate was not done within {JUDGING_S:.0f} s") from error
    ledgers = set(_ledgers(folder)) - before
    if not ledgers:
        raise EngineError("the gate left no record")
    records = [entry for entry in read_ledger(ledgers.pop()) if entry["event"] == "check" and entry["final"]]
    if not records:
        raise EngineError("no check was run")
    return list(seen_in(records))


def _ledgers(folder: Path) -> Iterator[Path]:
    return (folder / "reports").glob("runs/*/*/ledger.jsonl")


def report(comparison: Comparison, known: Known, engine: Engine, *, whole: bool) -> int:
    """Say what is new, what was met again and what is gone; a limited run says nothing about what is gone."""
    if engine.versions != known.versions:
        _say(f"\nversions: {engine.versions}, known are the deviations of {known.versions}")
    known_places = sum(len(entry.subjects) for entry in known.deviation)
    met = [f"  {entry.check}: {subject}" for entry, subject in comparison.met if isinstance(entry, Deviation)]
    _say(f"\n{len(met)} of {known_places} known findings were met again:")
    for line in met:
        _say(line)
    for entry, subject in comparison.gone if whole else ():
        said = subject or getattr(entry, "says", "")
        _say(f"GONE  {entry.check}: {said}; take it out of tests/engines/known.toml, then --page")
    for one in comparison.new:
        _say(f"\nNEW  {one.check}: {one.subject}\n     {one.said}\n{one.stanza}")
    if comparison.new:
        _say(
            f"\n{len(comparison.new)} of the findings are not known. Look at the bytes: a false alarm is a"
            " bug of the check;\na deviation belongs into tests/engines/known.toml (then `python -m"
            " tests.engines --page`)"
        )
        return 1
    _say("\nnothing new")
    return 0


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201  progress of a command


if __name__ == "__main__":
    sys.exit(main())
