"""How long the healthy reference deployment takes from command to GO, stage by stage."""

from __future__ import annotations

from collections.abc import Iterator

from bench import reference
from bench.timing import Figure


def measure(samples: int) -> Iterator[Figure]:
    """Start the deployment once and judge it several times."""
    with reference.up() as deployment:
        runs = [deployment.judge(expect=0) for _ in range(samples)]
    verdicts = [verdict for _, verdict in runs]
    yield Figure("reference deployment, start to ready", (deployment.start_s,), aim="< 20 s")
    yield Figure(
        "healthy run, command to GO",
        tuple(seconds for seconds, _ in runs),
        aim="≤ 60 s",
        remark=f"{sum(verdicts[0]['counts'].values())} checks, deployment already up",
    )
    yield Figure(
        "of which outside the stages",
        tuple(seconds - sum(s["duration_s"] for s in verdict["stages"]) for seconds, verdict in runs),
        remark="starting, collecting, concluding, reporting",
    )
    for index, stage in enumerate(verdicts[0]["stages"]):
        durations = tuple(verdict["stages"][index]["duration_s"] for verdict in verdicts)
        yield Figure(f"stage {stage['name']}", durations, remark=f"{sum(stage['counts'].values())} checks")
