"""How requests that cannot be served are refused."""

import json

from pydantic import ValidationError

from shipworthy import needs
from shipworthy.probes.inference import ask, first_problem

UNKNOWN_MODEL = "no-such-model"


def _refused_requests(route):
    """Give requests that no endpoint may serve: what is wrong, the body, the right status."""
    for how, asked in route.questions:
        yield f"unknown model{how}", json.dumps(asked | {"model": UNKNOWN_MODEL}), 404
        if route.required == "prompt":  # without one, a completion may begin a document of its own
            yield f"a prompt that is no text{how}", json.dumps(asked | {"prompt": {"text": "Hello."}}), 400
        else:
            empty = {name: value for name, value in asked.items() if name != route.required}
            yield f"no {route.required}{how}", json.dumps(empty), 400
        if route.required == "messages":
            yield f"an empty list of messages{how}", json.dumps(asked | {"messages": []}), 400
        if "max_tokens" in asked:
            yield f"max_tokens below 1{how}", json.dumps(asked | {"max_tokens": -1}), 400
        yield f"a body cut short{how}", json.dumps(asked)[:-9], 400


def _refusals(endpoint, routes, *statuses):
    with endpoint.client() as client:
        for route in routes(endpoint):
            for wrong, body, status in _refused_requests(route):
                if status in statuses:
                    subject = f"{endpoint.name} POST /v1/{route.path}: {wrong}"
                    yield subject, ask(client, "POST", route.path, body.encode()), status


def _judge_status(findings, endpoints, routes, status, fix):
    for endpoint in findings.over(endpoints, "endpoints"):
        for subject, answer, _ in findings.over(_refusals(endpoint, routes, status), "refused requests"):
            if answer.status != status:
                findings.add(subject, saw=answer.excerpt, want=f"HTTP {status}", fix=fix)


@needs("inference")
def test_unknown_models_are_not_found(findings, chat_endpoints, routes):
    """A model that is not served is a 404, streamed or not.

    Why: an endpoint that answers with another model than asked for hides every mistake in routing and naming.
    Fix: compare `model` with the served names before anything else and answer 404.
    """
    _judge_status(findings, chat_endpoints, routes, 404, "answer 404 with code model_not_found")


@needs("inference")
def test_malformed_requests_are_refused(findings, chat_endpoints, routes):
    """A request that breaks the contract is a 400, streamed or not.

    Why: a 500 alarms the wrong people and is retried; a 200 hides the caller's mistake.
    Fix: validate the body before it goes to the engine and answer 400, naming the parameter.
    """
    fix = "validate the body and answer 400 (not 422 or 500)"
    _judge_status(findings, chat_endpoints, routes, 400, fix)


@needs("inference")
def test_every_route_needs_the_key(findings, chat_endpoints, routes):
    """No route answers without the key, or with a wrong one.

    Why: an open endpoint is a GPU that strangers use, and a way around the gateway's limits.
    Fix: start the server with its API key (vLLM: --api-key) and check it on every route under /v1.
    """
    for endpoint in findings.over(chat_endpoints, "endpoints"):
        if not endpoint.key:
            findings.add(
                endpoint.name,
                saw="the target declares no api_key for it: whoever reaches it may use it",
                want="an endpoint that asks for a key",
                fix="start the server with an API key and declare `api_key`, or waive this with the reason",
            )
            continue
        doors = [
            ("GET", "models", None),
            ("POST", "chat/completions", endpoint.body("Hello.", max_tokens=1)),
            ("POST", "chat/completions", endpoint.body("Hello.", max_tokens=1, stream=True)),
            ("POST", "completions", json.dumps({"model": endpoint.model, "prompt": "hello"}).encode()),
            ("POST", "embeddings", json.dumps({"model": endpoint.model, "input": "hello"}).encode()),
        ]
        offered = {"models", *(route.path for route in routes(endpoint))}
        with endpoint.client() as client:
            control = ask(client, "GET", "models")
        assert control.status == 200, f"{endpoint.name} GET /v1/models with the right key: {control.excerpt}"
        for key, whose in (("", "no key"), (f"not-{endpoint.key[:4]}", "a wrong key")):
            with endpoint.client(key=key) as client:
                for method, path, content in findings.over(doors, "routes"):
                    answer = ask(client, method, path, content)
                    absent = path not in offered and answer.status in {404, 405}
                    if answer.status not in {401, 403} and not absent:
                        findings.add(
                            f"{endpoint.name} {method} /v1/{path} with {whose}",
                            saw=answer.excerpt,
                            want="HTTP 401",
                            fix="check the key on this route, before the body is read",
                        )


@needs("inference.*.forbidden_key")
def test_keys_without_the_right_are_forbidden(findings, promises, routes):
    """A known key without a right to the model gets a 403 on every route, streamed too.

    Why: where any key of the provider will do, a project's limits and its bill mean nothing.
    Fix: look at what a key's project may use wherever the key is looked at, and answer 403.
    """
    for promise in findings.over([p for p in promises if p.section.forbidden_key], "endpoints"):
        endpoint, key = promise.endpoint, promise.section.forbidden_key.get_secret_value()
        with endpoint.client() as client:
            control = ask(client, "GET", "models")
        assert control.status == 200, f"{endpoint.name} GET /v1/models with the right key: {control.excerpt}"
        with endpoint.client(key=key) as client:
            asked = [(route.path, *question) for route in routes(endpoint) for question in route.questions]
            for path, how, body in findings.over(asked, "routes"):
                answer = ask(client, "POST", path, json.dumps(body).encode())
                if answer.status != 403 or isinstance(answer.error, ValidationError):
                    findings.add(
                        f"{endpoint.name} POST /v1/{path} with forbidden_key{how}",
                        saw=answer.excerpt,
                        want="HTTP 403 in OpenAI's error shape",
                        fix="check the rights of the key's project on this route; a 401 says that the key is "
                        "not known here: declare one that is",
                    )


@needs("inference")
def test_errors_have_the_openai_shape(findings, chat_endpoints, routes):
    """Every refusal explains itself in OpenAI's error shape.

    Why: official clients raise their typed errors from it; anything else reaches people as "unknown error".
    Fix: answer {"error": {"message": …, "type": …, "param": …, "code": …}} as application/json.
    """
    for endpoint in findings.over(chat_endpoints, "endpoints"):
        refusals = [(subject, answer) for subject, answer, _ in _refusals(endpoint, routes, 400, 404)]
        refusals += _refusals_without_a_key(endpoint, routes) if endpoint.key else ()
        for subject, answer in findings.over(refusals, "refusals"):
            if answer.status >= 400 and isinstance(answer.error, ValidationError):
                findings.add(
                    subject,
                    saw=f"{answer.excerpt}: {first_problem(answer.error)}",
                    want='{"error": {"message": …, "type": …}}',
                    fix="shape errors in one place, the framework's own ones included",
                )


def _refusals_without_a_key(endpoint, routes):
    with endpoint.client(key="") as client:
        yield f"{endpoint.name} GET /v1/models without a key", ask(client, "GET", "models")
        for route in routes(endpoint):
            content = json.dumps(dict(route.body)).encode()
            yield (
                f"{endpoint.name} POST /v1/{route.path} without a key",
                ask(client, "POST", route.path, content),
            )


@needs("inference")
def test_unknown_routes_are_not_found(findings, chat_endpoints):
    """A route that does not exist is a 404, and a wrong method a 405, in OpenAI's error shape.

    Why: a client with a wrong address must learn that; a 200 or a bare line of text sends people searching.
    Fix: shape the errors of the framework's router like all others.
    """
    wrong = (
        ("GET", "no-such-route", None, {404}),
        ("POST", "no-such-route", b"{}", {404, 405}),
        ("GET", "chat/completions", None, {404, 405}),
    )
    for endpoint in findings.over(chat_endpoints, "endpoints"):
        with endpoint.client() as client:
            for method, path, content, statuses in findings.over(wrong, "wrong requests"):
                answer = ask(client, method, path, content)
                shaped = not isinstance(answer.error, ValidationError)
                if answer.status not in statuses or not shaped:
                    findings.add(
                        f"{endpoint.name} {method} /v1/{path}",
                        saw=answer.excerpt,
                        want=f"HTTP {' or '.join(map(str, sorted(statuses)))} in OpenAI's error shape",
                        fix="handle the router's own errors where the others are shaped",
                    )
