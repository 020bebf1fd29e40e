"""How soon a migration with a syntax error is refused."""

from __future__ import annotations

from collections.abc import Iterator

from bench import reference
from bench.timing import Figure

FAULT = "migrations.syntax_error"
CHECK = "migrations.from_zero.migrations_apply_from_zero"


def measure(samples: int) -> Iterator[Figure]:
    """Judge a deployment whose project has a newest migration that does not parse."""
    with reference.up([FAULT]) as deployment:
        runs = [deployment.judge(expect=1) for _ in range(samples)]
    caught = {record["check"] for _, verdict in runs for record in verdict["blocking"]}
    if CHECK not in caught:
        raise RuntimeError(f"{CHECK} did not catch {FAULT}; what blocked was {', '.join(sorted(caught))}")
    yield Figure(
        "migration with a syntax error, command to NO-GO",
        tuple(seconds for seconds, _ in runs),
        aim="≤ 5 s",
        remark="deployment already up",
    )
