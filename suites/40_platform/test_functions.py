"""The edge functions, called as their callers call them."""

import datetime as dt

import httpx

from shipworthy import mutates, needs

REFUSED = (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN)
STRANGE_ORIGIN = "https://stranger.example"


def members_functions(target):
    """Give the declared functions that need a key; cron functions have a secret of their own."""
    open_ones = set(target.supabase.public_functions)
    return [name for name in target.supabase.functions if name not in open_ones]


def judge_refusal(findings, name, kind, answer):
    """Report an answer to a wrong key that is not a refusal in JSON."""
    if answer.status_code == httpx.codes.NOT_FOUND:
        return  # not deployed: another check reports it
    content = answer.headers.get("content-type", "no content")
    if answer.status_code in REFUSED and content.startswith("application/json"):
        return
    findings.add(
        f"functions/{name}",
        saw=f"{answer.status_code} ({content}) for {kind}",
        want="401 or 403 with a JSON error, before anything else is looked at",
        fix=f"check the caller first in functions/{name.partition('/')[0]}/index.ts, "
        "and leave verify_jwt on in config.toml unless the function has a secret of its own",
    )


@needs("supabase.functions")
def test_declared_functions_are_deployed(functions, target, findings):
    """Every edge function that the target declares answers where it should be.

    Why: `supabase functions deploy NAME` deploys one; the one that was forgotten is a 404 in production.
    Fix: run `supabase functions deploy`, or take the name out of [supabase] functions.
    """
    for name in findings.over(target.supabase.functions, "declared functions"):
        answer = functions.first_reply(name, key=None)
        if answer.status_code == httpx.codes.NOT_FOUND or answer.is_server_error:
            findings.add(
                f"functions/{name}",
                saw=f"{functions.url}/{name} answers {answer.status_code}",
                want="the function answers",
                fix=f"supabase functions deploy {name.partition('/')[0]}",
            )


@needs("supabase.functions", "database")
def test_the_project_and_the_target_name_the_same_functions(project_function_names, target, findings):
    """The functions in the project folder are those that the target declares.

    Why: a function that is in the project and not in the target is deployed and never checked.
    Fix: declare it in [supabase] functions of the target file, or remove its folder.
    """
    declared = {name.partition("/")[0] for name in target.supabase.functions}
    for name in findings.over(project_function_names, "functions in the project"):
        if name not in declared:
            fix = f'add "{name}" to [supabase] functions, or remove supabase/functions/{name}'
            findings.add(f"functions/{name}", saw="in the project only", want="declared as well", fix=fix)
    for name in sorted(declared - set(project_function_names)):
        fix = f"add supabase/functions/{name}/index.ts, or take it out of [supabase] functions"
        findings.add(f"functions/{name}", saw="declared only", want="in the project as well", fix=fix)


@needs("supabase.functions")
def test_functions_refuse_wrong_keys(functions, target, wrong_keys, service_key, findings):
    """No edge function takes a missing, made-up, forged or anonymous key.

    Why: functions run with the service key; one that does not look at its caller hands that key to everyone.
    Fix: verify the token against Auth before anything else, and compare secrets in constant time.
    """
    names = [name for name in members_functions(target) if not name.startswith("cron/")]
    for name in findings.over(names, "functions for members and services"):
        for kind, key in wrong_keys.items():
            judge_refusal(findings, name, kind, functions.first_reply(name, key=key))
        # Control: it is the key that is refused, not the request.
        accepted = functions.first_reply(name, key=service_key)
        if accepted.status_code in REFUSED:
            findings.add(
                f"functions/{name}",
                saw=f"{accepted.status_code} for the service key, too",
                want="the service key is accepted",
                fix="give the function the project's current keys: supabase secrets list",
            )


@needs("supabase.functions", "supabase.allowed_origins")
def test_functions_let_declared_origins_in_and_no_others(functions, target, findings):
    """Edge functions allow the declared origins by CORS, and no other.

    Why: with `*` any page that a signed-in user visits can call them from the user's browser.
    Fix: answer with the request's Origin where it is declared, otherwise without the header; never with `*`.
    """
    for name in findings.over(target.supabase.functions, "functions"):
        expected = {**{origin: origin for origin in target.supabase.allowed_origins}, STRANGE_ORIGIN: None}
        for origin, want in expected.items():
            for method in ("OPTIONS", "GET"):
                headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
                answer = functions.call(name, method=method, headers=headers)
                allowed = answer.headers.get("access-control-allow-origin")
                deployed = answer.status_code != httpx.codes.NOT_FOUND
                if deployed and allowed != want:
                    findings.add(
                        f"functions/{name}",
                        saw=f"{method} from {origin}: Access-Control-Allow-Origin is {allowed or 'absent'}",
                        want=want or "the header is absent",
                        fix="allow the origins of ALLOWED_ORIGINS only, in functions/_shared/http.ts",
                    )


@needs("supabase.metrics")
def test_functions_name_the_field_that_is_wrong(functions, service_key, findings):
    """A request that is wrong is answered with 400, or 405, and an error that names what is wrong.

    Why: whoever integrates has the answer and nothing else; "Bad Request" costs an afternoon.
    Fix: validate every field before the first write, and answer {"error": {"code", "message", "field"}}.
    """
    organization = "00000000-0000-4000-8000-000000000000"
    measurement = {"name": "latency", "value": 1}
    wrong = [
        ("organization_id", {"organization_id": "acme", "metrics": [measurement]}),
        ("metrics", {"organization_id": organization, "metrics": []}),
        ("metrics[0].name", {"organization_id": organization, "metrics": [{**measurement, "name": "?"}]}),
        ("metrics[0].value", {"organization_id": organization, "metrics": [{**measurement, "value": "1"}]}),
    ]
    for field, body in findings.over(wrong, "wrong requests"):
        answer = functions.call("ingest", key=service_key, json=body, reads=True)
        judge_error(findings, f"functions/ingest, {field}", answer, 400, field)
    bare = functions.call("metrics", method="GET", key=service_key)
    judge_error(findings, "functions/metrics, organization_id", bare, 400, "organization_id")
    misused = functions.call("ingest", method="GET", key=service_key)
    judge_error(findings, "functions/ingest, GET", misused, 405, None)


def judge_error(findings, subject, answer, status, field):
    """Report an answer that is not this error, naming this field."""
    try:
        error = answer.json()["error"]
        seen = (answer.status_code, error["field"] if field else error.get("field"), bool(error["message"]))
    except (ValueError, KeyError, TypeError):
        seen = (answer.status_code, answer.text[:120])
    if seen != (status, field, True):
        where = f" naming the field {field}" if field else ""
        fix = 'answer {"error": {"code", "message", "field"}} before writing anything'
        findings.add(subject, saw=f"{seen}", want=f"{status} with a JSON error{where}", fix=fix)


@needs("supabase.metrics", "supabase.cron_secret")
@mutates
def test_ingested_metrics_become_rollups_and_alerts(functions, cron_functions, synthetic, member, findings):
    """What a member sends to `ingest` comes back from `metrics` rolled up and from `alerts` as an open alert.

    Why: each function can answer 200 on its own while the chain between them is broken.
    Fix: run the jobs by hand (`select public.rpc_run_job('check-alerts')`), then read the functions' logs.
    """
    organization = synthetic.organization(member)
    synthetic.expect_rows("metrics", organization_id=organization)
    rule = {"name": "Too slow", "metric": "latency", "comparator": ">", "threshold": 5}
    synthetic.row("alert_rules", organization_id=organization, **rule)

    batch = {"organization_id": organization, "metrics": one_bucket(1, 2, 9)}
    sent = functions.call("ingest", key=member.token, json=batch)
    for job in ("aggregate-metrics", "check-alerts"):
        cron_functions.run(f"cron/{job}")
    query = {"method": "GET", "key": member.token, "params": {"organization_id": organization}}
    rollup = {"name": "latency", "samples": 3, "minimum": 1, "maximum": 9, "average": 4}
    expected = {
        "functions/ingest": (body_of(sent), {"accepted": 3}),
        "public.metrics": (
            sorted(row["value"] for row in synthetic.rows("metrics", organization_id=organization)),
            [1, 2, 9],
        ),
        "functions/metrics": (
            but(body_of(functions.call("metrics", **query)), "bucket"),
            {"rollups": [rollup]},
        ),
        "functions/alerts": (
            but(body_of(functions.call("alerts", **query)), "id", "created_at"),
            {"alerts": [{"value": 9, "rule": rule}]},
        ),
    }
    for subject, (seen, want) in findings.over(expected.items(), "links of the chain"):
        if seen != want:
            fix = f"follow the rows of one organization to {subject}; the links before it hold or are above"
            findings.add(subject, saw=f"{seen}", want=f"{want}", fix=fix)


def body_of(answer):
    """Give the JSON of a successful answer, otherwise its status and text."""
    try:
        return answer.json() if answer.is_success else f"{answer.status_code} {answer.text[:200]}"
    except ValueError:
        return f"{answer.status_code} {answer.text[:200]}"


def but(body, *volatile):
    """Leave out of the rows of an answer what is another value every time."""
    if not isinstance(body, dict):
        return body
    return {
        key: [{k: v for k, v in row.items() if k not in volatile} for row in rows]
        for key, rows in body.items()
    }


def one_bucket(*values):
    """Write measurements one after the other within the current rollup of five minutes."""
    now = dt.datetime.now(dt.UTC)
    start = now.replace(minute=now.minute // 5 * 5, second=0, microsecond=0)
    return [
        {
            "name": "latency",
            "value": value,
            "recorded_at": (start + dt.timedelta(microseconds=order)).isoformat(),
        }
        for order, value in enumerate(values)
    ]


@needs("supabase.metrics")
@mutates
def test_functions_keep_tenants_apart(functions, synthetic, member):
    """A member gets no metrics of another organization and can send it none.

    Why: `ingest` writes with the service key, past every policy; only the function itself can refuse.
    Fix: let the caller's own token read the organization before anything is written for it.
    """
    own, other = synthetic.organization(member), synthetic.organization()
    figures = dict.fromkeys(("samples", "minimum", "maximum", "average"), 1)
    for organization in (own, other):
        key = {"organization_id": organization, "name": "latency", "bucket": "2026-01-01T00:00:00Z"}
        synthetic.row("metric_rollups", found_by=tuple(key), **key, **figures)

    def read(organization):
        query = {"organization_id": organization}
        return body_of(functions.call("metrics", method="GET", key=member.token, params=query))

    body = {"organization_id": other, "metrics": [{"name": "latency", "value": 1}]}
    synthetic.expect_rows("metrics", organization_id=other)
    sent = functions.call("ingest", key=member.token, json=body)
    own_rows, other_rows = read(own), read(other)

    seen = [row["name"] for row in own_rows["rollups"]] if isinstance(own_rows, dict) else own_rows
    assert seen == ["latency"], f"control: metrics of the member's own organization: {own_rows}"
    assert other_rows == {"rollups": []}, f"metrics of another organization: {other_rows}"
    assert sent.status_code == httpx.codes.FORBIDDEN, f"ingest for another: {sent.status_code} {sent.text}"
