"""Answers to prompts without a conversation."""

from shipworthy import needs
from shipworthy.probes.inference import Completion, CompletionChunk, events_of

ASKED = {"prompt": "The lighthouse keeper counted", "max_tokens": 12, "temperature": 0}
ROUTE = "POST /v1/completions"


@needs("inference.*.offers.completions")
def test_completions_match_the_contract(findings, reader, offering, questions):
    """A completion has every field that OpenAI's API promises, with text in it, and keeps max_tokens.

    Why: older applications and evaluation harnesses speak this API, and read it without asking.
    Fix: mend the field that is named; engines like vLLM answer this shape on /v1/completions.
    """
    for endpoint in findings.over(offering("completions"), "endpoints that complete"):
        answer = questions.ask(endpoint, "completions", **ASKED)
        found = reader.whole(Completion, answer, f"{endpoint.name} {ROUTE}")
        for saw, want in _breaches(answer, found, endpoint) if found else ():
            findings.add(f"{endpoint.name} {ROUTE}", saw=saw, want=want, fix="mend the field that is named")


def _breaches(answer, found, endpoint):
    choice, usage = found.choices[0], found.usage
    if answer.media_type != "application/json":
        yield f"content type {answer.headers.get('content-type')!r}", "application/json"
    if found.model != endpoint.model:
        yield f"answered by model {found.model}", f"the model that was asked for, {endpoint.model}"
    if not choice.text:
        yield "an answer without text", "text in choices[0].text"
    if usage.total_tokens != usage.prompt_tokens + usage.completion_tokens or not usage.prompt_tokens:
        yield f"usage {usage.model_dump()}", "both parts above 0, and the total their sum"
    limit = ASKED["max_tokens"]
    if usage.completion_tokens > limit or (choice.finish_reason == "length") != (
        usage.completion_tokens == limit
    ):
        yield (
            f"{usage.completion_tokens} tokens, finish_reason {choice.finish_reason}",
            f'at most {limit} tokens, "length" where they are used up',
        )


@needs("inference.*.offers.completions")
def test_streamed_completions_equal_plain_ones(findings, reader, offering, questions):
    """A streamed completion has the text of a plain one, one reason to end, and `[DONE]` after it.

    Why: a text that loses a piece, or never ends, is worse than none.
    Fix: stream completions by the same code as chats; send finish_reason once and `data: [DONE]` last.
    """
    for endpoint in findings.over(offering("completions"), "endpoints that complete"):
        subject = f"{endpoint.name} {ROUTE}, streamed"
        plain = reader.whole(Completion, questions.ask(endpoint, "completions", **ASKED), subject)
        streamed = questions.ask(endpoint, "completions", stream=True, **ASKED)
        chunks = reader.chunks(CompletionChunk, streamed, subject)
        for saw, want in _breaches_of_stream(plain, streamed, chunks) if plain and chunks else ():
            findings.add(subject, saw=saw, want=want, fix="compare what the engine sends with what arrives")


def _breaches_of_stream(plain, streamed, chunks):
    if streamed.media_type != "text/event-stream":
        yield f"content type {streamed.headers.get('content-type')!r}", "text/event-stream"
    text = "".join(choice.text for chunk in chunks for choice in chunk.choices)
    if text != plain.choices[0].text:
        yield f"{text!r}", f"as in one piece: {plain.choices[0].text!r}"
    reasons = [c.finish_reason for chunk in chunks for c in chunk.choices if c.finish_reason]
    if reasons != [plain.choices[0].finish_reason]:
        yield f"finish_reason {reasons}", f"once, {plain.choices[0].finish_reason!r}"
    last = events_of(streamed)[-1].data.strip()
    if last != "[DONE]":
        yield f"{last[:80]!r} as the last event", "data: [DONE]"
