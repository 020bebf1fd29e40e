"""Whether the clients that people use can read the answers."""

from shipworthy import needs
from shipworthy.probes.inference import OFFICIAL_CALLS, events_of, official_problem, typed_problem

SAID = "Say hello to the harbour."


def _calls(promise, embedder):
    """Give the calls of the official client that an endpoint has promised to understand."""
    offers = promise.section.offers if promise else ()
    for call in OFFICIAL_CALLS:
        route = call.partition(".")[0]
        if route in {"models", "chat"} or route in offers:
            yield call, embedder if route == "embeddings" else None


@needs("inference")
def test_the_official_client_reads_every_answer(findings, chat_endpoints, promises, embedders):
    """OpenAI's own Python client makes every call that is offered and reads what comes back.

    Why: it is what applications, agents and frameworks speak with; what it cannot read does not exist.
    Fix: answer as https://platform.openai.com/docs/api-reference says; the client's words are below.
    """
    promised = {promise.endpoint: promise for promise in promises}
    embedding = {promise.section.url: promise.endpoint for promise in embedders}
    for endpoint in findings.over(chat_endpoints, "endpoints"):
        for call, other in findings.over(
            _calls(promised.get(endpoint), embedding.get(endpoint.url)), "calls of the client"
        ):
            problem = official_problem(other or endpoint, call)
            if problem:
                findings.add(
                    f"{endpoint.name}, client.{call}",
                    saw=problem,
                    want="an answer that openai-python can read",
                    fix="ask the same with curl and compare it with OpenAI's API reference",
                )


@needs("inference")
def test_answers_are_of_the_official_types(findings, chat_endpoints, promises, embedders, questions):
    """Every answer is valid by the official client's own types, taken strictly, fields that are optional too.

    Why: the client constructs its types without looking; a wrong type in one field shows in the application.
    Fix: give the named field the type that OpenAI's API reference gives it, or leave it out.
    """
    for endpoint in findings.over(chat_endpoints, "endpoints"):
        bodies = _chat_bodies(endpoint, questions)
        bodies += [body for p in promises if p.endpoint is endpoint for body in _more_bodies(p, questions)]
        bodies += [
            ("embeddings", "list", questions.ask(e.endpoint, "embeddings", input=[SAID]).content)
            for e in embedders
            if e.endpoint.url == endpoint.url
        ]
        for route, kind, content in findings.over(bodies, "bodies and events"):
            problem = typed_problem(kind, content)
            if problem:
                findings.add(
                    f"{endpoint.name} POST /v1/{route}",
                    saw=f"{problem}, in {content[:160]!r}",
                    want="what openai-python's types allow",
                    fix="correct the type of the named field, or leave the field out",
                )
                break  # one event of a stream stands for all


def _chat_bodies(endpoint, questions):
    route = "chat/completions"
    usage = {"include_usage": True}
    plain = questions.chat(endpoint, SAID, max_tokens=4)
    streamed = questions.chat(endpoint, SAID, max_tokens=4, stream=True, stream_options=usage)
    events = [e.raw for e in events_of(streamed) if e.data.strip() != "[DONE]"]
    return [(route, "chat.completion", plain.content)] + [
        (f"{route} (streamed)", "chat.completion.chunk", raw) for raw in events
    ]


def _more_bodies(promise, questions):
    if "completions" in promise.section.offers:
        asked = {"prompt": SAID, "max_tokens": 4, "temperature": 0}
        yield (
            "completions",
            "text_completion",
            questions.ask(promise.endpoint, "completions", **asked).content,
        )
