"""What the endpoints say they serve."""

from collections import Counter

from pydantic import ValidationError

from shipworthy import needs
from shipworthy.probes.inference import ask


@needs("inference")
def test_endpoints_list_exactly_the_promised_models(findings, target, chat_endpoints):
    """An endpoint lists the models that the target promises, each once, and no other.

    Why: clients choose from this list; one model more or less is not the deployment that was reviewed.
    Fix: start the server with the promised model, or correct `model` (gateway: `models`) in the target file.
    """
    for endpoint in findings.over(chat_endpoints, "endpoints"):
        promised = target.gateway.models if endpoint.name.startswith("gateway") else [endpoint.model]
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
