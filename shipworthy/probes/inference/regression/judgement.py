"""What follows from interleaved blocks, for the check and for ``shipworthy judge``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from shipworthy.evidence.writer import Measure
from shipworthy.findings import Finding
from shipworthy.judged import Judged
from shipworthy.probes.inference.regression.blocks import Block
from shipworthy.probes.inference.regression.interleaved import Interleaved
from shipworthy.probes.inference.regression.verdict import (
    Compared,
    Comparison,
    Margins,
    Misses,
    Verdict,
    compare,
    count_misses,
)

MOST_BLOCKS = 1000
"""As many as a target file may ask for."""
TOO_NEAR = "it lies so near to that limit that no measurement would tell: mend it, or allow more"
FIXES = {
    "TTFT": "compare what comes before the first token: queueing (slots, batches), prefill, prefix cache",
    "TPOT": "compare decoding: GPU and clock, batch size, quantisation, speculative decoding, a slower proxy",
    "largest gap": "look for what stops streams: prefill of others (chunk it), preemption, a proxy",
}


def judge_against_live(measured: Interleaved, margins: Margins) -> Judged:
    """Judge the candidate by its blocks; the meter's own lateness is held against good news only."""
    looked_at = (len(measured.blocks), "pairs of blocks")
    try:
        comparison = compare(measured.blocks, margins)
    except ValueError as error:
        return Judged(
            looked_at, unclear=f"{error}: {_losses(count_misses(measured.blocks), measured.blocks)}"
        )
    return Judged(
        looked_at=looked_at,
        measures=tuple(_measure(compared, margins) for compared in comparison.figures),
        findings=tuple(_findings(comparison, margins, measured.load.answers)),
        unclear=_unclear(comparison, margins) or measured.invalid,
    )


def _measure(compared: Compared, margins: Margins) -> Measure:
    """Keep the bound that has to be below the limit, not the ratio in the middle of its interval."""
    name = f"{compared.figure} against live, surely at most"
    return Measure(name, compared.high, "times", compared.blocks, 1 + margins.passes_below, at_least=False)


def _findings(comparison: Comparison, margins: Margins, answers: int) -> Iterator[Finding]:
    want = f"for sure not more than {margins.fails_above:.0%} slower than live"
    for compared in comparison.figures:
        if compared.verdict is Verdict.WORSE:
            yield Finding(
                f"inference.instant, {compared.figure}",
                saw=f"{compared.ratio - 1:.0%} slower than live, {compared.low - 1:.0%} at least: "
                f"{_pair(compared)} ({compared.blocks} pairs of blocks, {answers} answers each)",
                want=want,
                fix=f"{FIXES[compared.figure.rpartition(' ')[0]]}; see ratios.svg and blocks.json",
            )
    misses = comparison.misses
    if misses.worse:
        yield Finding(
            "inference.instant, answers that came whole",
            saw=f"{misses.candidate} of {misses.asked} did not, {misses.live} of live's: {misses.example}",
            want="no more of them than live has",
            fix="see the candidate's log at that time; what it cannot answer it must refuse before it begins",
        )


def _pair(compared: Compared) -> str:
    return " against ".join(in_ms(time_s) for time_s in (compared.candidate_s, compared.live_s))


def in_ms(time_s: float | None) -> str:
    """Give a time for people."""
    return "no whole answer" if time_s is None else f"{time_s * 1000:.1f} ms"


def _unclear(comparison: Comparison, margins: Margins) -> str | None:
    if comparison.verdict is not Verdict.UNCLEAR:
        return None
    unclear = [c for c in comparison.figures if c.verdict is Verdict.UNCLEAR]
    told = "; ".join(
        f"{c.figure} {_share(c.ratio)} live's, between {_share(c.low)} and {_share(c.high)}" for c in unclear
    )
    needed = max(c.blocks_to_tell for c in unclear)
    cure = f"baseline.blocks = {needed} or longer blocks would tell" if needed <= MOST_BLOCKS else TOO_NEAR
    return (
        f"inconclusive after {unclear[0].blocks} pairs of blocks: {told}, and at most "
        f"{_share(1 + margins.passes_below)} passes; {cure}"
    )


def _share(ratio: float) -> str:
    return f"{ratio:.0%}"


def _losses(misses: Misses, blocks: Sequence[Block]) -> str:
    of_live = next((answer.miss for block in blocks for answer in block.live if answer.miss), None)
    said = f"; live's first: {of_live}" if of_live else ""
    return f"{misses.live} of {misses.asked} answers of the live endpoint did not come whole{said}"
