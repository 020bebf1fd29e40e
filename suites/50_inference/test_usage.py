"""What answers say they cost."""

from shipworthy import needs
from shipworthy.probes.inference import ChatCompletion, Completion

SHORT = "Ships pass the lighthouse and the keeper counts them."
LONG = f"{SHORT} {' '.join(f'Ship {n} carries coal, ship {n + 1} carries grain.' for n in range(20))} {SHORT}"


@needs("inference")
def test_usage_is_the_same_streamed_and_plain(findings, chat_endpoints, exchanges):
    """The same answer costs the same, streamed or not; one that was cut by max_tokens cost just that.

    Why: streams are counted by other code; counted by chunks, or twice, every stream is billed wrongly.
    Fix: take the usage that the engine gives, on both paths.
    """
    for endpoint in findings.over(chat_endpoints, "endpoints"):
        plain, record = exchanges.completion(endpoint), exchanges.chunked(endpoint)
        costs = {"in one piece": plain.usage, "streamed": record.usage}
        if record.usage and record.usage != plain.usage and record.text == plain.choices[0].message.content:
            findings.add(
                endpoint.name,
                saw=f"the same text for {plain.usage.model_dump()} in one piece, "
                f"{record.usage.model_dump()} streamed",
                want="one price",
                fix="take both from the engine's own count",
            )
        cut = {plain.choices[0].finish_reason, *record.finish_reasons} == {"length"}
        for how, usage in costs.items():
            if cut and usage and usage.completion_tokens != exchanges.long:
                findings.add(
                    f"{endpoint.name}, {how}",
                    saw=f"{usage.completion_tokens} tokens for an answer cut by max_tokens {exchanges.long}",
                    want=f"{exchanges.long} tokens",
                    fix="count each token once; not chunks, not words",
                )


@needs("inference.*.tokenizer")
def test_usage_is_what_the_texts_cost(findings, reader, tokenizers, questions, exchanges):
    """Counted again with the model's own tokenizer, prompt and answer have the tokens that were charged.

    The frame of a conversation costs some tokens more; between two prompts of one frame it cancels out.

    Why: a count that nobody counts again may be doubled for years; quotas and invoices follow it.
    Fix: count with the model's tokenizer; look for a second count in a proxy or in billing code.
    """
    for endpoint, tokenizer in findings.over(tokenizers, "endpoints with a tokenizer"):
        asked = [questions.chat(endpoint, prompt, max_tokens=1) for prompt in (SHORT, LONG)]
        usages = [reader.whole(ChatCompletion, answer, f"{endpoint.name}, chat") for answer in asked]
        if all(usages):
            charged = usages[1].usage.prompt_tokens - usages[0].usage.prompt_tokens
            counted = tokenizer.count(LONG) - tokenizer.count(SHORT)
            if abs(charged - counted) > max(1, counted // 100):
                findings.add(
                    f"{endpoint.name}, prompt_tokens",
                    saw=f"a prompt that is {counted} tokens longer is charged {charged} more",
                    want=f"{counted} more",
                    fix="count the prompt once, with the model's own tokenizer",
                )
        plain = exchanges.completion(endpoint)
        text = plain.choices[0].message.content or ""
        charged, counted = plain.usage.completion_tokens, tokenizer.count(text)
        # Thoughts cost tokens and need not be shown; bytes that are no character have become U+FFFD, which
        # is other tokens than theirs.
        hidden = bool(plain.choices[0].message.thoughts) or "\ufffd" in text
        if not hidden and abs(charged - counted) > max(2, counted // 20):
            findings.add(
                f"{endpoint.name}, completion_tokens",
                saw=f"{charged} charged, {counted} counted in {text[:60]!r} …",
                want=f"about {counted}",
                fix="count each token of the answer once",
            )


@needs("inference.*.tokenizer", "inference.*.offers.completions")
def test_plain_prompts_cost_their_tokens(findings, reader, tokenizers, offering, questions):
    """The prompt of a completion has exactly the tokens that are charged, with one more at most to begin it.

    Why: here no frame of a conversation hides a wrong count.
    Fix: count the prompt once, with the model's own tokenizer.
    """
    complete = offering("completions")
    both = [(endpoint, tokenizer) for endpoint, tokenizer in tokenizers if endpoint in complete]
    for endpoint, tokenizer in findings.over(both, "endpoints that complete and have a tokenizer"):
        answer = questions.ask(endpoint, "completions", prompt=LONG, max_tokens=1, temperature=0)
        found = reader.whole(Completion, answer, f"{endpoint.name}, completions")
        counted = tokenizer.count(LONG)
        if found and not 0 <= found.usage.prompt_tokens - counted <= 1:
            findings.add(
                f"{endpoint.name} POST /v1/completions, prompt_tokens",
                saw=f"{found.usage.prompt_tokens} charged, {counted} counted",
                want=f"{counted}, or one more",
                fix="count the prompt once, with the model's own tokenizer",
            )
