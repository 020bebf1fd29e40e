"""Streamed answers: what is in them and in which order."""

from itertools import takewhile

from shipworthy import needs
from shipworthy.probes.inference import first_problem, measure_spread

HELD_BACK = 0.25


@needs("inference")
def test_streams_match_the_contract(findings, chat_endpoints, exchanges):
    """A streamed answer is server-sent events, each a chunk with every promised field, and ends by itself.

    Why: one event that cannot be parsed ends the answer in the user's face.
    Fix: answer stream=true with text/event-stream, one `data:` line of chat.completion.chunk JSON per event.
    """
    for endpoint in findings.over(chat_endpoints, "endpoints"):
        record = exchanges.stream(endpoint)
        findings.looked_at(len(record.arrivals), "events")
        for saw, want in _breaches(record):
            findings.add(
                f"{endpoint.name}, streamed",
                saw=saw,
                want=want,
                fix="mend what the server or a proxy in front of it sends; the stream's beginning: "
                f"{record.raw[:120]!r}",
            )


def _breaches(record):
    if record.status != 200:
        yield f"HTTP {record.status}", "HTTP 200"
        return
    if record.content_type.partition(";")[0].strip() != "text/event-stream":
        yield f"content type {record.content_type!r}", "text/event-stream"
    if record.broken:
        yield record.broken, "a stream that ends by itself"
    if record.rest.strip():
        yield f"{record.rest[-80:]!r} after the last complete event", "an empty line after every event"
    if record.malformed:
        event, error = record.malformed[0]
        many = f"{len(record.malformed)} of {len(record.arrivals)} events are no chunks; the first: "
        yield f"{many}{event.data[:120]!r}: {first_problem(error)}", "a chat.completion.chunk in every event"
    if record.chunks and not record.text and not record.timing:
        yield "chunks without any text", "text in choices[0].delta.content"


@needs("inference")
def test_done_ends_the_stream(findings, chat_endpoints, exchanges):
    """`data: [DONE]` is sent once, as the last event.

    Why: clients that wait for it hang without it, or take a stream that was cut off for a whole answer.
    Fix: send `data: [DONE]` after the last chunk, and nothing after it.
    """
    for endpoint in findings.over(chat_endpoints, "endpoints"):
        record = exchanges.chunked(endpoint)
        if record.done_at != (len(record.arrivals) - 1,):
            places = ", ".join(str(place + 1) for place in record.done_at)
            findings.add(
                f"{endpoint.name}, streamed",
                saw=f"[DONE] as event {places} of {len(record.arrivals)}"
                if places
                else f"no [DONE]; the last event was {record.arrivals[-1].event.data[:80]!r}",
                want="[DONE] once, as the last event",
                fix="send `data: [DONE]` after the last chunk; see that no proxy cuts the stream's end",
            )


@needs("inference")
def test_one_id_names_all_chunks(findings, chat_endpoints, exchanges):
    """All chunks of an answer carry the same id, time and model.

    Why: clients and logs put an answer together by its id.
    Fix: make the id once per answer.
    """
    for endpoint in findings.over(chat_endpoints, "endpoints"):
        chunks = exchanges.chunked(endpoint).chunks
        findings.looked_at(len(chunks), "chunks")
        for field in ("id", "created", "model"):
            values = list(dict.fromkeys(str(getattr(chunk, field)) for chunk in chunks))
            if len(values) > 1:
                findings.add(
                    f"{endpoint.name}, {field} of the chunks",
                    saw=f"{len(values)} in {len(chunks)} chunks: {values[0]}, {values[1]} …",
                    want="one for the whole answer",
                    fix=f"set {field} once, before the first chunk",
                )


@needs("inference")
def test_the_role_comes_first(findings, chat_endpoints, exchanges):
    """The first chunk says that the assistant is speaking.

    Why: clients open the message when they read the role; text before it is lost or shown nowhere.
    Fix: send delta {"role": "assistant"} in the first chunk.
    """
    for endpoint in findings.over(chat_endpoints, "endpoints"):
        choices = [choice for chunk in exchanges.chunked(endpoint).chunks for choice in chunk.choices]
        with_role = [place for place, choice in enumerate(choices) if choice.delta.role]
        if not with_role or with_role[0] != 0:
            findings.add(
                f"{endpoint.name}, streamed",
                saw=f"the role in chunk {with_role[0] + 1}" if with_role else "no role in any chunk",
                want='"role": "assistant" in the first chunk',
                fix="send the role with, or before, the first text",
            )


@needs("inference")
def test_the_reason_to_end_comes_once(findings, chat_endpoints, exchanges):
    """One finish_reason is sent, in the last chunk that has a choice.

    Why: it is how a client tells a finished answer from one that was cut off.
    Fix: send finish_reason with the last chunk and null before.
    """
    for endpoint in findings.over(chat_endpoints, "endpoints"):
        choices = [choice for chunk in exchanges.chunked(endpoint).chunks for choice in chunk.choices]
        given = [place + 1 for place, choice in enumerate(choices) if choice.finish_reason]
        if given != [len(choices)]:
            findings.add(
                f"{endpoint.name}, streamed",
                saw=f"finish_reason in chunk {', '.join(map(str, given)) or '(none)'} of {len(choices)}",
                want=f"one, in chunk {len(choices)}",
                fix="send finish_reason once, when the answer ends",
            )


@needs("inference")
def test_streamed_text_equals_plain_text(findings, chat_endpoints, exchanges):
    """The same question at temperature 0 gets the same text, streamed or in one piece.

    Why: a difference means that chunks were lost, doubled or put out of order.
    Fix: compare the two texts below where they part.
    """
    for endpoint in findings.over(chat_endpoints, "endpoints"):
        plain = exchanges.completion(endpoint).choices[0].message.content or ""
        streamed = exchanges.chunked(endpoint).text
        if plain != streamed:
            same = sum(
                1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(plain, streamed, strict=False))
            )
            findings.add(
                f"{endpoint.name}, from character {same}",
                saw=f"streamed: {streamed[same : same + 60]!r}",
                want=f"as in one piece: {plain[same : same + 60]!r}",
                fix="look for chunks that a proxy or the server lost, doubled or split inside a character",
            )


@needs("inference")
def test_usage_comes_last(findings, chat_endpoints, exchanges):
    """Asked for with stream_options.include_usage, the usage comes in the last chunk.

    Why: without it, streamed answers cannot be billed or limited.
    Fix: send a last chunk with `"choices": []` and `usage` where include_usage is true.
    """
    for endpoint in findings.over(chat_endpoints, "endpoints"):
        record = exchanges.chunked(endpoint)
        if record.usage is None:
            findings.add(
                f"{endpoint.name}, streamed with include_usage",
                saw="no usage in the last chunk",
                want="usage in the last chunk before [DONE]",
                fix="pass stream_options on to the engine and send the usage it gives",
            )


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
