"""Streamed answers: their text, whole and in order, and when it arrives."""

from itertools import takewhile

from shipworthy import ProbeError, needs
from shipworthy.probes.inference import ChatCompletion, chat, measure_spread

HELD_BACK = 0.25
SHOWN = 60
DELTA = b'"delta"'


@needs("inference")
def test_streamed_text_equals_plain_text(findings, chat_endpoints, exchanges):
    """The same question at temperature 0 gets the same text, streamed or in one piece.

    Why: a difference means that chunks were lost, doubled or put out of order.
    Fix: compare the two texts below where they part.
    """
    for endpoint in findings.over(chat_endpoints, "endpoints"):
        message = exchanges.completion(endpoint).choices[0].message
        plain, record = message.text, exchanges.chunked(endpoint)
        findings.looked_at(len(plain), "characters")
        # Some engines trim the thoughts of an answer in one piece.
        if (message.content or "") == record.text and plain.split() == record.spoken.split():
            continue
        _be_sure_that_it_repeats_itself(endpoint, exchanges, plain)
        pairs = zip(plain, record.spoken, strict=False)
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        event = _event_at(record, same)
        findings.add(
            f"{endpoint.name}, from character {same}",
            saw=f"streamed: {record.spoken[same : same + SHOWN]!r}, {event.excerpt(DELTA)}",
            want=f"as in one piece: {plain[same : same + SHOWN]!r}",
            fix="look for chunks that a proxy or the server lost, doubled or put out of order",
        )


def _be_sure_that_it_repeats_itself(endpoint, exchanges, plain):
    """A batch of other requests may change a model's words; then two texts that differ show nothing."""
    with endpoint.client() as client:
        again = chat(client, endpoint.request(exchanges.prompt, max_tokens=exchanges.long)).completion
    if not isinstance(again, ChatCompletion) or again.choices[0].message.text != plain:
        raise ProbeError(
            f"{endpoint.name} answers the same question at temperature 0 in different words, in one piece "
            "too; its streams cannot be compared"
        )


def _event_at(record, character):
    """Give the event that brings a character of the text; the last one where the text ends before."""
    length = 0
    for event, chunk in record.events:
        length += sum(len(choice.delta.text) for choice in chunk.choices)
        if length > character:
            return event
    return record.events[-1][0]


@needs("inference")
def test_chunks_arrive_as_they_are_made(findings, evidence, chat_endpoints, exchanges):
    """The parts of an answer arrive spread over the time that making them takes.

    Why: held back and sent at once, an answer shows its first word only when the last one is made.
    Fix: flush after every chunk and switch buffering and compression off in every proxy between.
    """
    for endpoint in findings.over(chat_endpoints, "endpoints"):
        spread = measure_spread(endpoint, exchanges.prompt)
        evidence.measure(
            f"arrival spread of {endpoint.name}",
            100 * spread.share,
            "%",
            samples=1,
            limit=100 * HELD_BACK,
            at_least=True,
        )
        if spread.share < HELD_BACK:
            findings.add(
                f"{endpoint.name}, streamed",
                saw=f"{spread.first_s * 1000:.0f} ms of silence, then all text within "
                f"{(spread.last_s - spread.first_s) * 1000:.0f} ms (one token alone takes "
                f"{spread.one_token_s * 1000:.0f} ms)",
                want=f"text over at least {HELD_BACK:.0%} of the time that it takes to make",
                fix="flush every chunk; with nginx: proxy_buffering off, or send X-Accel-Buffering: no",
            )
