"""What the endpoints say they serve."""

from collections import Counter

from pydantic import ValidationError

from shipworthy import ProbeError, needs
from shipworthy.probes.inference import ModelList, ask, chat, read


@needs("inference")
def test_endpoints_list_exactly_the_promised_models(findings, target, chat_endpoints, embedders):
    """An endpoint lists the models that the target promises, each once, and no other.

    Why: clients choose from this list; one model more or less is not the deployment that was reviewed.
    Fix: start the server with the promised model, or correct `model` (gateway: `models`) in the target file.
    """
    embedding = {promise.section.url: promise.endpoint.model for promise in embedders}
    for endpoint in findings.over(chat_endpoints, "endpoints"):
        own = dict.fromkeys([endpoint.model, embedding.get(endpoint.url, endpoint.model)])
        promised = target.gateway.models if endpoint.name.startswith("gateway") else list(own)
        with endpoint.client() as client:
            answer = ask(client, "GET", "models")
        models = answer.model_list
        if isinstance(models, ValidationError):
            findings.add(
                f"{endpoint.name} GET /v1/models",
                saw=answer.excerpt,
                want='a list of models: {"object": "list", "data": [{"id": …, "object": "model", …}]}',
                fix=f"make {endpoint.url}/models answer in OpenAI's shape",
            )
            continue
        listed = [model.id for model in models.data]
        if Counter(listed) != Counter(promised):
            findings.add(
                f"{endpoint.name} GET /v1/models",
                saw=f"listed: {', '.join(listed) or 'nothing'}",
                want=f"exactly {', '.join(promised)}",
                fix="serve the promised models under these names, or correct the target file",
            )


def _card(endpoint):
    """Give what the endpoint says about its model.

    Raises:
        ProbeError: it does not list it; `endpoints_list_exactly_the_promised_models` says so.

    """
    with endpoint.client() as client:
        answer = ask(client, "GET", "models")
    models = read(ModelList, answer.content)
    listed = models.data if isinstance(models, ModelList) else ()
    card = next((model for model in listed if model.id == endpoint.model), None)
    if card is None:
        raise ProbeError(f"{endpoint.name} GET /v1/models does not list {endpoint.model}: {answer.excerpt}")
    return card


@needs("inference.*.context_tokens")
def test_context_lengths_are_as_promised(findings, promises):
    """The model takes as many tokens as promised, by its own account.

    Why: an engine started with less memory shortens the context by itself; long questions fail from then on.
    Fix: start the server with the promised length (vLLM: --max-model-len), or correct `context_tokens`.
    """
    for promise in findings.over([p for p in promises if p.section.context_tokens], "endpoints"):
        promised, said = promise.section.context_tokens, _card(promise.endpoint).max_model_len
        if said != promised:
            findings.add(
                f"{promise.endpoint.name} GET /v1/models, {promise.endpoint.model}",
                saw=f"max_model_len {said}" if said is not None else "no max_model_len",
                want=f"max_model_len {promised}",
                fix=f"start the server with --max-model-len {promised}, or correct `context_tokens`",
            )


@needs("inference.*.revision")
def test_revisions_are_as_promised(findings, promises):
    """The weights are of the promised revision, by the endpoint's own account.

    Why: a name like "main" moves; other weights give other answers under the same name.
    Fix: start the server with the promised revision (vLLM: --revision), or correct `revision`.
    """
    for promise in findings.over([p for p in promises if p.section.revision], "endpoints"):
        promised, card = promise.section.revision, _card(promise.endpoint)
        if card.revision != promised and promised not in (card.root or ""):
            findings.add(
                f"{promise.endpoint.name} GET /v1/models, {card.id}",
                saw=f"revision {card.revision}, root {card.root}",
                want=f"revision {promised}, or a root that holds it",
                fix=f"start the server with --revision {promised}, or correct `revision`",
            )


@needs("inference.*.health")
def test_health_tells_the_truth(findings, promises):
    """Health is green where a request is served, and only there; not before the weights are loaded.

    Why: balancers and deploys send traffic by it; green too early is an outage with every restart.
    Fix: answer 503 until the weights are loaded and one token was made, 200 from then on.
    """
    for promise in findings.over([p for p in promises if p.section.health], "endpoints with health"):
        endpoint, section = promise.endpoint, promise.section
        with endpoint.client() as client, endpoint.client(key="") as stranger:
            before = ask(stranger, "GET", section.health)
            try:
                answer = chat(client, endpoint.request("Hello.", max_tokens=1))
                served, told = answer.status == 200, answer.excerpt
            except ProbeError as error:
                served, told = False, str(error)
            after = ask(stranger, "GET", section.health)
        green = [health.status == 200 for health in (before, after)]
        if served not in green:
            findings.add(
                f"{endpoint.name}, GET {section.health}",
                saw=f"health {before.status}, then {after.status}; a request between them: {told}",
                want="200 where a request is served, 503 where not",
                fix="tie health to the engine: loaded weights and one token made, not a started process",
            )
        if not served and not any(green):
            raise ProbeError(f"{endpoint.name} serves nothing, and says so: health {before.status}, {told}")
