"""Streamed answers: what their last chunks say, the reason to end and the usage."""

from shipworthy import needs

DELTA, USAGE, REASON = b'"delta"', b'"usage"', b'"finish_reason"'
"""Where in a chunk the part begins that matters."""


@needs("inference")
def test_the_reason_to_end_comes_once(findings, chat_endpoints, exchanges):
    """One finish_reason is sent, in the last chunk that adds to the answer.

    Why: it is how a client tells a finished answer from one that was cut off.
    Fix: send finish_reason with the last chunk and null before.
    """
    for endpoint in findings.over(chat_endpoints, "endpoints"):
        # Some gateways send the usage beside a choice with an empty delta in place of no choice.
        spoken = [(event, chunk) for event, chunk in exchanges.chunked(endpoint).events if chunk.adds]
        findings.looked_at(len(spoken), "chunks of an answer")
        given = [n + 1 for n, (_, chunk) in enumerate(spoken) if any(c.finish_reason for c in chunk.choices)]
        if spoken and given != [len(spoken)]:
            findings.add(
                f"{endpoint.name}, streamed",
                saw=f"finish_reason in chunk {', '.join(map(str, given)) or '(none)'} of {len(spoken)}; "
                f"the last is {spoken[-1][0].excerpt(DELTA)}",
                want=f"one, in chunk {len(spoken)}",
                fix="send finish_reason once, when the answer ends; see that nothing cuts the stream before",
            )


@needs("inference")
def test_the_reason_to_end_is_the_true_one(findings, chat_endpoints, exchanges):
    """A streamed answer gives the same finish_reason as the answer in one piece.

    Why: "stop" on an answer that max_tokens cut tells the caller that it is complete.
    Fix: pass the engine's own finish_reason on, on both paths.
    """
    for endpoint in findings.over(chat_endpoints, "endpoints"):
        record = exchanges.chunked(endpoint)
        plain = exchanges.completion(endpoint).choices[0].finish_reason
        for event, chunk in findings.over(record.events, "chunks"):
            wrong = [c.finish_reason for c in chunk.choices if c.finish_reason not in {None, plain}]
            if wrong:
                findings.add(
                    f"{endpoint.name}, streamed, cut at {exchanges.long} tokens",
                    saw=f"finish_reason {wrong[0]!r}, {event.excerpt(REASON)}",
                    want=f"{plain!r}, as in one piece",
                    fix="take the finish_reason from the engine where the stream is made",
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
                saw=f"no usage in the last chunk, {record.events[-1][0].excerpt(DELTA)}",
                want="usage in the last chunk before [DONE]",
                fix="pass stream_options on to the engine and send the usage it gives",
            )


@needs("inference")
def test_usage_is_counted_once(findings, chat_endpoints, exchanges):
    """A streamed answer says once what it cost, and the same as the answer in one piece.

    Why: whoever adds up the usage of all chunks, as billing proxies do, charges the answer twice.
    Fix: send usage in one chunk, the last; running counts only for who asks for continuous_usage_stats.
    """
    for endpoint in findings.over(chat_endpoints, "endpoints"):
        record = exchanges.chunked(endpoint)
        given = [(event, chunk.usage) for event, chunk in record.events if chunk.usage]
        findings.looked_at(len(record.events), "chunks")
        if len(given) > 1:
            findings.add(
                f"{endpoint.name}, streamed with include_usage",
                saw=f"usage in {len(given)} chunks, the first {given[0][0].excerpt(USAGE)}",
                want="usage in the last chunk alone, for continuous_usage_stats was not asked for",
                fix="send `usage: null`, or none, in every chunk but the last",
            )
        plain = exchanges.completion(endpoint)
        same_text = record.spoken == plain.choices[0].message.text
        if given and same_text and given[-1][1].completion_tokens != plain.usage.completion_tokens:
            findings.add(
                f"{endpoint.name}, completion_tokens",
                saw=f"{given[-1][1].completion_tokens} streamed: {given[-1][0].excerpt(USAGE)}",
                want=f"{plain.usage.completion_tokens}, as for the same text in one piece",
                fix="count each token once, when it is made",
            )
