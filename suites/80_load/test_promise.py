"""The load that the deployment promises to carry, and its state afterwards."""

from shipworthy import alone, needs

MOST_SESSIONS = 0.8
FAILURES_SHOWN = 3


@alone
@needs("load")
def test_p95_and_error_rate_are_kept(load_run, load_plan, target, evidence, findings):
    """Under the promised load every kind of request keeps its p95 and its error rate.

    Why: what is fast alone may queue, exhaust a pool or meet a limit with a handful of users.
    Fix: open locust.html in this check's evidence, find the slow or failing request,
    and profile its part under load.
    """
    result, promise = load_run.result, target.load
    evidence.json("load", load_run)
    measured = {stats.name: stats for stats in result.kinds}
    for traffic in findings.over(load_plan.traffic, "kinds of traffic"):
        if traffic.name not in measured:
            findings.add(
                traffic.name,
                saw=f"not one answer in {result.seconds:.0f} s",
                want=f"{load_plan.samples} requests or more",
                fix="look whether it answers at all; every kind needs a user of its own (load.users)",
            )
    for stats in findings.over((*result.kinds, result.total), "sets of figures"):
        judge_speed(findings, evidence, stats, promise, load_plan.samples)
        judge_errors(findings, stats, promise, result.failures)
    evidence.measure("requests under load", result.total.per_s, "requests/s", samples=result.total.requests)


@alone
@needs("load")
def test_every_part_is_well_afterwards(load_run, request_again, endpoints_once_well, findings):
    """After the load every part answers as it did before.

    Why: leaked connections and stuck workers show only once the load is over,
    and then the next users meet them.
    Fix: give back in a `finally` what a request takes; then restart the part and repeat the load.
    """
    assert load_run.result.total.requests, "the load sent no request, so there is no afterwards"
    for answer in findings.over(endpoints_once_well(), "endpoints"):
        if not answer.reached:
            findings.add(
                f"{answer.endpoint.key} ({answer.endpoint.url})",
                saw=f"{answer.trouble or f'HTTP {answer.status}'} after the load",
                want="as healthy as before",
                fix="look for what the load used up: connections, workers, memory, file descriptors",
            )
    for traffic, trouble in findings.over(request_again(), "kinds of traffic"):
        if trouble:
            fix = "read this part's log from the end of the load on"
            findings.add(traffic.name, saw=f"after the load: {trouble}", want="an answer as before", fix=fix)


@alone
@needs("load", "database.live")
def test_database_has_sessions_to_spare(load_run, database_sessions, evidence, findings):
    """At the height of the load the database could take more clients, and afterwards none is stuck in it.

    Why: a full server turns away deployments and operators first; an open transaction stops vacuum for all.
    Fix: bound every pool below its share of max_connections, and end each transaction in a `finally`.
    """
    after = database_sessions()
    counts = (*load_run.sessions, after.used)
    peak, limit = max(counts), after.limit
    findings.looked_at(len(load_run.sessions), "counts of sessions under load")
    evidence.measure("database sessions under load", peak, "sessions", samples=len(counts), limit=limit)
    for client, stuck in after.stuck_by_client.items():
        oldest_s = max(session.seconds for session in stuck)
        findings.add(
            client,
            saw=f"{len(stuck)} idle in an open transaction, the oldest for {oldest_s:.0f} s",
            want="every transaction ended",
            fix=f"alter role {stuck[0].user} set idle_in_transaction_session_timeout = '10s'",
        )
    if peak > MOST_SESSIONS * limit:
        findings.add(
            "database sessions",
            saw=f"{peak} of {limit} at the height of the load, {counts[0]} before",
            want=f"{MOST_SESSIONS:.0%} or less",
            fix="put a pooler in transaction mode in front, or make the pools smaller",
        )


def judge_speed(findings, evidence, stats, promise, samples):
    """Hold the p95 of one set of figures against the promise; too few samples are no p95."""
    if stats.requests < samples:
        findings.add(
            stats.name,
            saw=f"{stats.requests} requests, half of them slower than {stats.p50_ms:.0f} ms",
            want=f"{samples} requests or more: a p95 of fewer is chance",
            fix="make it faster; if it is fast enough, raise load.users or load.duration_s",
        )
        return
    evidence.measure(f"{stats.name} p95", stats.p95_ms, "ms", samples=stats.requests, limit=promise.p95_ms)
    if stats.p95_ms > promise.p95_ms:
        findings.add(
            stats.name,
            saw=f"p95 {stats.p95_ms:.0f} ms of {stats.requests} requests "
            f"(p50 {stats.p50_ms:.0f} ms, p99 {stats.p99_ms:.0f} ms)",
            want=f"p95 of {promise.p95_ms:.0f} ms or less (load.p95_ms)",
            fix="profile this request under load: queues, pools, missing indexes; see locust.html",
        )


def judge_errors(findings, stats, promise, failures):
    """Hold the error rate of one set of figures against the promise, with examples of what failed."""
    if stats.error_rate <= promise.error_rate:
        return
    mine = [failure for failure in failures if failure.name == stats.name] or failures
    worst = sorted(mine, key=lambda failure: -failure.occurrences)[:FAILURES_SHOWN]
    examples = "; ".join(f"{failure.occurrences} x {failure.error}" for failure in worst)
    findings.add(
        stats.name,
        saw=f"{stats.failures} of {stats.requests} requests failed: {examples}",
        want=f"an error rate of {promise.error_rate:.2%} or less (load.error_rate)",
        fix="429: raise the rate limit or lower load.users; 5xx and broken streams: read that part's log",
    )
