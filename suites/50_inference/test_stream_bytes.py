"""Streamed answers: whether their bytes arrive whole, and whether they are an answer at all."""

from shipworthy import needs
from shipworthy.probes.inference import Trouble

SHOWN = 160
HELD_BACK_TOKENS = 3
"""A character of four bytes may take four tokens; the first three show nothing until the last is there."""
REPLACEMENT = "\ufffd"
DELTA = b'"delta"'
AS_BYTES = (REPLACEMENT.encode(), b"\\ufffd", b"\\uFFFD")
"""As itself, or escaped."""


@needs("inference")
def test_streams_end_by_themselves(findings, chat_endpoints, exchanges):
    """A stream comes to its own end: whole, with an empty line after its last event.

    Why: a stream that breaks off looks to many clients like a short answer.
    Fix: see the log of the server and of each proxy for a crash, a read timeout or a limit on answers.
    """
    for endpoint in findings.over(chat_endpoints, "endpoints"):
        record = exchanges.begun(endpoint)
        findings.looked_at(1, "streams")
        last = record.rest or (record.arrivals[-1].event.wire if record.arrivals else record.raw)
        if record.broken:
            findings.add(
                f"{endpoint.name}, streamed",
                saw=f"{record.broken}; the last bytes: {last[-SHOWN:]!r}",
                want="a stream that ends by itself",
                fix="mend what ends it: a crash, a timeout or a size limit of the server or of a proxy",
            )
        elif record.arrivals and record.rest.strip():
            findings.add(
                f"{endpoint.name}, streamed",
                saw=f"the stream ends inside an event: {record.rest[-SHOWN:]!r}",
                want="an empty line after every event, the last one too",
                fix="send the empty line; without it the event is never given to the client",
            )


@needs("inference")
def test_streams_carry_no_errors(findings, chat_endpoints, exchanges):
    """What is answered with 200 is an answer, not an error.

    Why: clients look at the status; an error under 200 is shown as an empty answer and billed as one.
    Fix: begin the stream when the first token is there, so that what fails before has its own status.
    """
    for endpoint in findings.over(chat_endpoints, "endpoints"):
        record = exchanges.begun(endpoint)
        findings.looked_at(1, "streams")
        fix = "answer with the error's own status, 4xx or 5xx; see the server's log for why it failed"
        if record.error_body:
            findings.add(
                f"{endpoint.name}, streamed",
                saw=f"HTTP 200 {record.content_type} {record.raw[:SHOWN]!r}",
                want="a stream, or the status of the error",
                fix=fix,
            )
        for event in (event for event in record.malformed if event.trouble is Trouble.ERROR):
            findings.add(
                f"{endpoint.name}, streamed, event {event.place + 1}",
                saw=event.excerpt,
                want="a chunk of the answer",
                fix=fix,
            )


@needs("inference")
def test_streams_are_utf8(findings, chat_endpoints, exchanges):
    """All text of a stream is valid UTF-8.

    Why: strict clients end the answer at such a byte, others show a broken character.
    Fix: encode whole texts, never their pieces; let no proxy cut or recode the stream.
    """
    for endpoint in findings.over(chat_endpoints, "endpoints"):
        record = exchanges.begun(endpoint)
        findings.looked_at(record.size, "bytes")
        for event in (event for event in record.malformed if event.trouble is Trouble.ENCODING):
            findings.add(
                f"{endpoint.name}, streamed, event {event.place + 1}",
                saw=f"{event.problem}; {event.excerpt}",
                want="UTF-8",
                fix="hold a token back until its last character is complete, then encode it",
            )


@needs("inference")
def test_characters_come_whole(findings, chat_endpoints, exchanges):
    """No character of a streamed answer was cut into pieces and replaced by U+FFFD.

    Why: a server that decodes token by token turns every emoji and every second Asian character into noise.
    Fix: decode incrementally: hold back the bytes of a character until it is complete.
    """
    for endpoint in findings.over(chat_endpoints, "endpoints"):
        record = exchanges.chunked(endpoint)
        findings.looked_at(len(record.spoken), "characters")
        broken = record.spoken.count(REPLACEMENT)
        # A model may mean the character itself: then the answer in one piece has it too.
        if broken <= exchanges.completion(endpoint).choices[0].message.text.count(REPLACEMENT):
            continue
        event = next(
            e for e, chunk in record.events if any(REPLACEMENT in c.delta.text for c in chunk.choices)
        )
        findings.add(
            f"{endpoint.name}, streamed",
            saw=f"{broken} times U+FFFD, first {event.excerpt(*AS_BYTES)}",
            want="the characters that the answer in one piece has",
            fix="decode the tokens incrementally (vLLM and TGI do), not each one by itself",
        )


@needs("inference")
def test_chunks_carry_something(findings, chat_endpoints, exchanges):
    """A stream is no run of empty chunks.

    Why: chunks without text feign life while nothing is made, and hide a stall from every meter of chunks.
    Fix: send a chunk when there is text; to keep a connection open, send comments (`: ping`).
    """
    for endpoint in findings.over(chat_endpoints, "endpoints"):
        events = exchanges.chunked(endpoint).events
        findings.looked_at(len(events), "chunks")
        run, longest = [], []
        for event, chunk in events:
            run = [*run, event] if chunk.is_empty else []
            longest = max(longest, run, key=len)
        if len(longest) > HELD_BACK_TOKENS:
            findings.add(
                f"{endpoint.name}, streamed",
                saw=f"{len(longest)} chunks in a row with nothing in them, the first "
                f"{longest[0].excerpt(DELTA)}",
                want=f"text, or at most {HELD_BACK_TOKENS} empty chunks in a row, for a character in parts",
                fix="send no chunk without text, but for the role, the finish_reason and the usage",
            )
