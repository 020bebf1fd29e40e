"""Whether the instant endpoint became slower: beside the one that is live, and beside its own past."""

from shipworthy import alone_with, needs
from shipworthy.probes.inference.regression import (
    draw_comparison,
    judge_against_earlier,
    judge_against_live,
    read_earlier,
)


@alone_with("inference.instant")
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


@alone_with("inference.instant")
@needs("inference.instant.earlier_runs")
def test_no_figure_is_worse_than_in_earlier_runs(findings, evidence, target, instant_figures):
    """No figure of the streamed answers is outside of what earlier runs lead to expect.

    Compared are the runs of this target that were GO, asked for the same model under the same load, at least
    eight of them. Runs differ by themselves, so only what lies beyond their spread shows; a live twin
    (`inference.instant.baseline`) shows much less.

    Why: latency creeps up by a few percent a release, always within the promise, until nothing is left of it.
    Fix: find the first run that was slower in reports/runs, and what was changed for it.
    """
    kept = evidence.json("figures", instant_figures.as_json())
    where = kept.relative_to(evidence.run_folder)
    earlier = read_earlier(evidence.run_folder, where, instant_figures.measured)
    demanded = target.inference.instant.earlier_runs == "demand"
    judge_against_earlier(instant_figures, earlier, demanded=demanded).report(findings, evidence)
