"""Ways to measure the same server: the meter, a plain httpx client, tools of the field where installed."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx

from shipworthy.probes.inference import ChatEndpoint
from shipworthy.probes.inference.meter import Phase, Plan, Request, measure, streamed

LONGEST_S = 300


@dataclass(frozen=True, slots=True)
class Read:
    """What a client reports, in milliseconds: of each answer TTFT and largest gap (None: not told)."""

    ttft_ms: list[float]
    stall_ms: list[float] | None
    """Without single answers, a tool's own percentiles stand in ``ttft_ms``: p50 and p99."""
    summed_up: bool = False


Client = Callable[[str, int, int], Read]
"""Takes an address, how many ask at a time, and how many answers; the first wave is left out."""


def by_meter(url: str, callers: int, count: int) -> Read:
    """Measure with the meter."""
    endpoint = ChatEndpoint("bench", url, "m")
    body = Request(streamed(endpoint, "go", max_tokens=8))
    warm = Phase((body,) * callers, callers=callers, counts=False)
    measurement = measure(Plan((endpoint,), (warm, Phase((body,) * count, callers=callers))))
    if measurement.misses:
        raise RuntimeError(f"the meter missed answers: {measurement.misses[0]}")
    return Read(
        [1000 * (s.first_token_s or 0) for s in measurement.samples],
        [1000 * s.largest_gap_s for s in measurement.samples],
    )


def by_httpx(url: str, callers: int, count: int) -> Read:
    """Measure as one would by hand: an async client, lines as they come, parsed at once."""

    async def run() -> Read:
        body = json.loads(streamed(ChatEndpoint("bench", url, "m"), "go", max_tokens=8))
        firsts: list[float] = []
        stalls: list[float] = []
        limits = httpx.Limits(max_connections=callers, max_keepalive_connections=callers)
        async with httpx.AsyncClient(timeout=60, limits=limits) as client:

            async def once() -> None:
                begun, moments = time.perf_counter(), []
                async with client.stream("POST", f"{url}/chat/completions", json=body) as response:
                    async for line in response.aiter_lines():
                        if line.startswith("data: {"):
                            delta = json.loads(line[6:])["choices"][0]["delta"]
                            moments += [time.perf_counter()] if delta.get("content") else []
                firsts.append(1000 * (moments[0] - begun))
                stalls.append(1000 * max(b - a for a, b in pairwise(moments)))

            async def caller(numbers: Iterator[int]) -> None:
                for _ in numbers:
                    await once()

            numbers = iter(range(count + callers))
            await asyncio.gather(*(caller(numbers) for _ in range(callers)))
        return Read(firsts[callers:], stalls[callers:])

    return asyncio.run(run())


def by_guidellm(url: str, callers: int, count: int) -> Read:
    """Measure with ``guidellm``, closed loop; its report has every request."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        words = ["run", "--disable-console", "--output", f"kind=json,path={report}"]
        words += ["--backend", f"kind=openai_http,target={url.removesuffix('/v1')},model=m"]
        words += ["--profile", f"kind=concurrent,streams={callers}"]
        words += ["--constraint", f"kind=max_requests,count={count + callers}"]
        words += ["--data", "kind=synthetic_text,prompt_tokens=8,output_tokens=8"]
        words += ["--tokenizer", f"kind=huggingface_auto,model={_tokenizer(Path(folder))}"]
        _run("guidellm", words, Path(folder))
        (benchmark,) = json.loads(report.read_text())["benchmarks"]
    done = sorted(benchmark["requests"]["successful"], key=lambda r: r["request_start_time"])[callers:]
    return Read([r["time_to_first_token_ms"] for r in done], None)


def by_aiperf(url: str, callers: int, count: int) -> Read:
    """Measure with ``aiperf``, closed loop; its export has percentiles."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["profile", "-m", "m", "--url", url.removesuffix("/v1"), "--endpoint-type", "chat"]
        words += ["--streaming", "--concurrency", str(callers), "--request-count", str(count)]
        words += ["--warmup-request-count", str(callers), "--tokenizer", _tokenizer(Path(folder))]
        words += ["--isl", "8", "--osl", "8", "--ui", "none", "--output-artifact-dir", f"{folder}/out"]
        _run("aiperf", words, Path(folder))
        reports = Path(folder, "out").rglob("profile_export_aiperf.json")
        report = min(reports, key=lambda path: len(path.parts))  # below it lie those of single runs
        told: dict[str, Any] = json.loads(report.read_text())["time_to_first_token"]
    return Read([told["p50"], told["p99"]], None, summed_up=True)


def clients() -> dict[str, Client]:
    """Give what there is to compare; ``guidellm`` and ``aiperf`` where they are on the path."""
    tools: dict[str, Client] = {"guidellm": by_guidellm, "aiperf": by_aiperf}
    found = {name: client for name, client in tools.items() if shutil.which(name)}
    return {"meter": by_meter, "httpx": by_httpx, **found}


def _run(tool: str, words: list[str], folder: Path) -> None:
    # Not HF_HUB_OFFLINE: with it aiperf looks for the hub's snapshots and takes no folder.
    alone = {"HOME": str(folder), "PYTHONPATH": ""}
    done = subprocess.run(
        [tool, *words], cwd=folder, capture_output=True, text=True, timeout=LONGEST_S, check=False,
        env={**os.environ, **alone}, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{tool} ended with {done.returncode}: {(done.stdout + done.stderr)[-2000:]}")


def _tokenizer(folder: Path) -> str:
    """Write a tokenizer of single words; the tools want one, and there is no network."""
    words = {"[UNK]": 0, **{f"w{number}": number for number in range(1, 200)}}
    spec = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
        "pre_tokenizer": {"type": "Whitespace"}, "post_processor": None, "decoder": None,
        "model": {"type": "WordLevel", "vocab": words, "unk_token": "[UNK]"},
    }  # fmt: skip
    place = folder / "tokenizer"
    place.mkdir()
    (place / "tokenizer.json").write_text(json.dumps(spec))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "[UNK]", "model_max_length": 100_000}
    (place / "tokenizer_config.json").write_text(json.dumps(config))
    return str(place)
