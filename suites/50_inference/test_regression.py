"""Whether the instant endpoint became slower: beside the one that is live, and beside its own past."""

from shipworthy import alone, needs
from shipworthy.probes.inference.regression import draw_comparison, judge_against_live


@alone
@needs("inference.instant.baseline")
def test_no_figure_is_worse_than_live(findings, evidence, interleaved, margins):
    """No figure of the streamed answers is worse than that of the live endpoint.

    Both are asked the same in turn, in blocks of random order; what is compared are the ratios within blocks,
    so that what else the machines and the network do touches both alike. A figure that is more than 5 % worse
    for sure fails, one that is less than 15 % worse for sure passes.

    Why: a promise with room in it lets a version through that is a third slower than what users have now.
    Fix: find what changed between the two (engine, batch size, quantisation, GPU, proxy) and take it back.
    """
    evidence.json("blocks", interleaved.as_json())
    picture = draw_comparison(interleaved.blocks, margins)
    if picture:
        evidence.text("ratios.svg", picture)
    judge_against_live(interleaved, margins).report(findings, evidence)
