"""Streamed answers: what is in them and in which order."""

from shipworthy import needs
from shipworthy.probes.inference import Trouble

OF_THEIR_OWN = (Trouble.ERROR, Trouble.ENCODING)
"""What other checks report, in test_stream_bytes.py."""
CONTENT = (b'"delta"', b'"usage":{')
"""Where in a chunk the part begins that matters."""


@needs("inference")
def test_streams_match_the_contract(findings, chat_endpoints, exchanges):
    """A streamed answer is server-sent events, each a chunk with every promised field.

    Why: one event that cannot be parsed ends the answer in the user's face.
    Fix: answer stream=true with text/event-stream, one `data:` line of chat.completion.chunk JSON per event.
    """
    for endpoint in findings.over(chat_endpoints, "endpoints"):
        record = exchanges.stream(endpoint)
        findings.looked_at(len(record.raw), "bytes")
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
        pointed = f" to {record.location}, which was not followed" if record.location else ""
        yield f"HTTP {record.status}{pointed}", "HTTP 200"
        return
    if record.media_type != "text/event-stream":
        yield f"content type {record.content_type!r}", "text/event-stream"
    if record.coding:
        yield f"Content-Encoding {record.coding}, with Accept-Encoding: identity asked for", "no compression"
    others = [event for event in record.malformed if event.trouble not in OF_THEIR_OWN]
    if others:
        first = others[0]
        many = f"{len(others)} of {len(record.arrivals)} events are no chunks; the first, "
        yield (
            f"{many}{first.excerpt}: {first.trouble}: {first.problem}",
            "a chat.completion.chunk in every event",
        )
    if not record.chunks and not record.malformed and not record.error_body:
        yield f"no chunk in {record.size} bytes", "a chat.completion.chunk in every event"
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
        if record.done_at == (len(record.arrivals) - 1,):
            continue
        findings.add(
            f"{endpoint.name}, streamed",
            saw=_around_done(record),
            want="[DONE] once, as the last event",
            fix="send `data: [DONE]` after the last chunk, nothing after it; see that no proxy cuts the end",
        )


def _around_done(record):
    last = record.arrivals[-1].event
    if not record.done_at:
        return f"no [DONE]; the last event, {last.excerpt(*CONTENT)}"
    done = record.arrivals[record.done_at[0]].event
    after = record.arrivals[record.done_at[0] + 1].event
    return (
        f"[DONE] at byte {done.offset} as event {record.done_at[0] + 1} of {len(record.arrivals)}, "
        f"and after it, {after.excerpt(*CONTENT)}"
    )


@needs("inference")
def test_one_id_names_all_chunks(findings, chat_endpoints, exchanges):
    """All chunks of an answer carry the same id, time and model.

    Why: clients and logs put an answer together by its id.
    Fix: make the id once per answer.
    """
    for endpoint in findings.over(chat_endpoints, "endpoints"):
        events = exchanges.chunked(endpoint).events
        findings.looked_at(len(events), "chunks")
        for field in ("id", "created", "model"):
            first = getattr(events[0][1], field)
            others = [(event, chunk) for event, chunk in events if getattr(chunk, field) != first]
            if others:
                event, chunk = others[0]
                findings.add(
                    f"{endpoint.name}, {field} of the chunks",
                    saw=f"{first} at first, then {getattr(chunk, field)} ({len(others)} of {len(events)} "
                    f"chunks differ), {event.excerpt(str(getattr(chunk, field)).encode())}",
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
        spoken = [(event, chunk) for event, chunk in exchanges.chunked(endpoint).events if chunk.choices]
        with_role = [n for n, (_, chunk) in enumerate(spoken) if any(c.delta.role for c in chunk.choices)]
        findings.looked_at(len(spoken), "chunks with a choice")
        if spoken and with_role[:1] != [0]:
            where = f"the role in chunk {with_role[0] + 1}" if with_role else "no role in any chunk"
            findings.add(
                f"{endpoint.name}, streamed",
                saw=f"{where}; the first is {spoken[0][0].excerpt(*CONTENT)}",
                want='"role": "assistant" in the first chunk',
                fix="send the role with, or before, the first text",
            )
