"""A real engine on a free port of loopback: made ready within a bounded time, and gone afterwards."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

MODEL = "tiny"
PACKAGES = ("transformers", "torch")
MAKING_S, STARTING_S, ENDING_S = 120.0, 180.0, 10.0
LOOK_EVERY_S = 0.5
TELL_EVERY_S = 10.0
MAKER = Path(__file__).with_name("tiny_model.py")

Say = Callable[[str], None]


class EngineError(RuntimeError):
    """The engine is not installed, or did not start."""


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine that answers."""

    url: str
    """Without ``/v1``."""
    model: Path
    """The model's folder; its name is the model's name."""
    versions: dict[str, str]
    """Of the packages that it consists of."""


@contextmanager
def transformers_serve(python: str, folder: Path, say: Say) -> Iterator[Engine]:
    """Make the model in a folder and serve it with ``transformers serve``; end every process afterwards.

    Args:
        python: the interpreter of the environment that has the engine.
        folder: where the model, the engine's log and its caches are kept.
        say: told of each step.

    Raises:
        EngineError: naming the end of the engine's log.

    """
    versions = _versions(python)
    say(f"engine: {', '.join(f'{name} {version}' for name, version in versions.items())}")
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "hf"), "PYTHONPATH": ""}
    model = folder / MODEL
    made = subprocess.run(
        [python, str(MAKER), str(model)],
        env=environment, capture_output=True, text=True, timeout=MAKING_S, check=False,
    )  # fmt: skip
    if made.returncode:
        raise EngineError(f"the model could not be made: {made.stderr.strip()[-400:]}")
    say(f"model: {made.stdout.strip()}")
    port = _free_port()
    words = [str(Path(python).with_name("transformers")), "serve", MODEL, "--device", "cpu"]
    words += ["--host", "127.0.0.1", "--port", str(port)]
    log = folder / "engine.log"
    with log.open("wb") as written:
        process = psutil.Popen(
            words, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=written, stderr=written
        )
    try:
        url = f"http://127.0.0.1:{port}"
        say(f"starting: {' '.join(words)}")
        _await(process, url, log, say)
        yield Engine(url, model, versions)
    finally:
        _end(process)
        say("engine: ended")


def _versions(python: str) -> dict[str, str]:
    asked = (
        f"import importlib.metadata as m, json; print(json.dumps({{n: m.version(n) for n in {PACKAGES}}}))"
    )
    done = subprocess.run([python, "-c", asked], capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise EngineError(
            f"{python} has no engine: {done.stderr.strip().splitlines()[-1]}; install the group `engines`"
        )
    versions: dict[str, str] = json.loads(done.stdout)
    return versions


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _await(process: psutil.Popen, url: str, log: Path, say: Say) -> None:
    """Wait until the first token is made: the engine says that it is healthy before it loads the model."""
    begun = told = time.monotonic()
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Hello."}], "max_tokens": 1}
    while time.monotonic() - begun < STARTING_S:
        if process.poll() is not None:
            raise EngineError(f"the engine ended with code {process.returncode}: {_end_of(log)}")
        try:
            answer = httpx.post(f"{url}/v1/chat/completions", json=body, timeout=STARTING_S)
        except httpx.TransportError:
            time.sleep(LOOK_EVERY_S)
        else:
            if answer.status_code == 200:
                say(f"first token after {time.monotonic() - begun:.0f} s")
                return
            raise EngineError(f"HTTP {answer.status_code} {answer.text[:200]!r}: {_end_of(log)}")
        if time.monotonic() - told > TELL_EVERY_S:
            told = time.monotonic()
            say(f"  still starting after {told - begun:.0f} s")
    raise EngineError(f"no answer within {STARTING_S:.0f} s: {_end_of(log)}")


def _end_of(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace").strip()[-800:] or "its log is empty"


def _end(process: psutil.Popen) -> None:
    try:
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        family = [process]
    for member in family:
        _signal(member, "terminate")
    _, alive = psutil.wait_procs(family, timeout=ENDING_S)
    for member in alive:
        _signal(member, "kill")
    _, alive = psutil.wait_procs(alive, timeout=ENDING_S)
    if alive:
        raise EngineError(f"processes that cannot be ended: {', '.join(str(member.pid) for member in alive)}")


def _signal(process: psutil.Process, verb: str) -> None:
    try:
        getattr(process, verb)()
    except psutil.NoSuchProcess:
        return
