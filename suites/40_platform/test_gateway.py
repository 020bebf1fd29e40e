"""The gateway: what it says about itself, whom it lets in, how it answers mistakes."""

from urllib.parse import urlsplit

from pydantic import ValidationError

from shipworthy import needs
from shipworthy.probes.inference import ask, first_problem


@needs("gateway")
def test_health_tells_the_truth(findings, evidence, target, gateway, gateway_dependencies):
    """Health names every dependency of the gateway and is right about each.

    Why: load balancers and people act on it; a constant "ok" keeps traffic on a gateway that cannot work.
    Fix: ask each dependency whenever health is asked; answer 503 and name the one that is down.
    """
    answer = ask(gateway, "GET", target.gateway.health)
    evidence.text("health.json", answer.content.decode(errors="replace"))
    said = _states(answer)
    address = target.gateway.url + target.gateway.health
    all_up = said.keys() >= {d.name for d in gateway_dependencies} and set(said.values()) == {"up"}
    if (answer.status == 200) != all_up:
        findings.add(
            address,
            saw=answer.excerpt,
            want="HTTP 200 where every dependency is up, and 503 where one is not",
            fix="derive the status code from the dependencies",
        )
    for dependency in findings.over(gateway_dependencies, "dependencies"):
        state, trouble = said.get(dependency.name, "not named"), dependency.trouble()
        if (state == "up") != (trouble is None) or state == "not named":
            findings.add(
                f"{address}, {dependency.name}",
                saw=f"health says {state}; {trouble or 'asked, it works'}",
                want='{"dependencies": {"NAME": "up", …}} that agrees with asking each one',
                fix=f"ask {dependency.name} itself, where requests go to, whenever health is asked",
            )


def _states(answer):
    """Give what health says of each dependency: ``up``, or its own words."""
    try:
        said = answer.json()["dependencies"].items()
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
    return {name: state.get("status") if isinstance(state, dict) else state for name, state in said}


@needs("gateway", "web.email", "supabase")
def test_only_signed_in_users_get_in(findings, gateway_endpoints, strangers):
    """Without a user's access token no route under /v1 answers.

    Why: the gateway is the only door to the GPUs; who comes in spends their money.
    Fix: check `Authorization: Bearer` on every route, and the claim role = authenticated.
    """
    _judge_doors(findings, gateway_endpoints, strangers)


@needs("gateway", "web.email", "supabase")
def test_forged_tokens_are_refused(findings, evidence, gateway_endpoints, forged_tokens):
    """A token that Supabase Auth did not sign, or whose time is over, opens nothing.

    Why: a gateway that reads tokens without checking the signature lets anyone be anyone.
    Fix: verify signature, `exp` and `aud` with the project's JWT secret or JWKS; never accept alg "none".
    """
    evidence.note("a token that expired with the project's own signature cannot be made from outside")
    _judge_doors(findings, gateway_endpoints, forged_tokens)


def _judge_doors(findings, endpoints, tokens):
    for endpoint in findings.over(endpoints, "models behind the gateway"):
        with endpoint.client() as client:
            control = ask(client, "GET", "models")
        assert control.status == 200, f"{endpoint.url}/models with a user's token: {control.excerpt}"
        body = endpoint.body("Hello.", max_tokens=1)
        for whose, token in findings.over(tokens.items(), "kinds of tokens"):
            with endpoint.client(key=token) as client:
                for method, path, content in (("GET", "models", None), ("POST", "chat/completions", body)):
                    answer = ask(client, method, path, content)
                    if answer.status not in {401, 403}:
                        findings.add(
                            f"gateway {method} /v1/{path} ({endpoint.model}) with {whose}",
                            saw=answer.excerpt,
                            want="HTTP 401 or 403",
                            fix="verify signature, expiry, audience and role before anything else",
                        )


@needs("gateway", "web.email", "supabase")
def test_mistakes_are_explained(findings, gateway_endpoints):
    """Routes and methods that do not exist are answered as JSON errors.

    Why: clients parse every answer; a page of HTML or a bare text turns a typo into a puzzle.
    Fix: register handlers for 404 and 405 that answer {"error": {"message": …, "type": …}}.
    """
    mistakes = [("GET", "no-such-route", {404}), ("GET", "chat/completions", {404, 405})]
    with gateway_endpoints[0].client() as client:
        for method, path, statuses in findings.over(mistakes, "mistakes"):
            answer = ask(client, method, path)
            wrong = first_problem(answer.error) if isinstance(answer.error, ValidationError) else None
            if answer.status not in statuses or wrong:
                findings.add(
                    f"gateway {method} /v1/{path}",
                    saw=f"{answer.excerpt}{f': {wrong}' if wrong else ''}",
                    want=f"HTTP {' or '.join(map(str, sorted(statuses)))} with a JSON error",
                    fix="handle routing errors where all other errors are shaped",
                )


@needs("gateway")
def test_request_ids_come_back(findings, gateway, target, run_id):
    """Every answer carries X-Request-Id: the caller's own, or a new one.

    Why: it is the thread from a user's complaint to the log line.
    Fix: take X-Request-Id from the request or make one; log it, pass it upstream, send it back.
    """
    path = target.gateway.health
    sent = f"shipworthy-{run_id}"
    echoed = gateway.get(path, headers={"X-Request-Id": sent}).headers.get("X-Request-Id")
    made = [gateway.get(path).headers.get("X-Request-Id") for _ in range(2)]
    findings.looked_at(3, "answers")
    if echoed != sent:
        findings.add(
            f"gateway GET {path}",
            saw=f"X-Request-Id {echoed}",
            want=f"{sent}, as it was sent",
            fix="send the caller's X-Request-Id back",
        )
    if None in made or made[0] == made[1]:
        findings.add(
            f"gateway GET {path} without X-Request-Id",
            saw=f"{made[0]}, then {made[1]}",
            want="an id of its own for each request",
            fix="make an id where the caller sent none",
        )


@needs("gateway", "web")
def test_browsers_may_call_from_the_web_app_only(findings, gateway, target):
    """The gateway allows the web app's origin and no other.

    Why: with every origin allowed, any page that a signed-in user opens can try to talk to the models.
    Fix: list the web app's origin in the CORS configuration; never "*".
    """
    parts = urlsplit(target.web.url)
    own = f"{parts.scheme}://{parts.netloc}"
    for origin, allowed in findings.over({own: True, "https://elsewhere.example": False}.items(), "origins"):
        headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        answer = gateway.options("/v1/chat/completions", headers=headers)
        granted = answer.headers.get("Access-Control-Allow-Origin")
        if (granted in {origin, "*"}) != allowed or granted == "*":
            findings.add(
                f"gateway OPTIONS /v1/chat/completions from {origin}",
                saw=f"Access-Control-Allow-Origin: {granted}",
                want=origin if allowed else "no permission",
                fix=f"allow {own} and nothing else",
            )
