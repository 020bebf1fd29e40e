"""Whether what a request asks for changes the answer as it should."""

from concurrent.futures import ThreadPoolExecutor

from shipworthy import needs
from shipworthy.probes.inference import ChatChunk, ChatCompletion

SAID = "Name the ships."
LENGTH = 64
SEED = 20_261_101


@needs("inference")
def test_greedy_answers_repeat(findings, reader, chat_endpoints, questions):
    """At temperature 0 the same question has the same answer again.

    Why: whoever sets it to 0 compares, caches or tests; an answer that moves breaks all of it.
    Fix: pass temperature on to the engine; see that no default overwrites 0 (`temperature or 0.7`).
    """
    for endpoint in findings.over(chat_endpoints, "endpoints"):
        texts = _texts(reader, questions, endpoint, times=2, temperature=0)
        if len(set(texts)) > 1:
            findings.add(
                f"{endpoint.name}, temperature 0",
                saw=_difference(texts),
                want="one text",
                fix="pass temperature 0 on as 0",
            )


@needs("inference.*.offers.seed")
def test_a_seed_repeats_its_answer(findings, reader, offering, questions):
    """With a seed, the same question has the same answer again, at any temperature.

    Why: it is how a sampled answer is reproduced: in a test, in a bug report, in an evaluation.
    Fix: pass seed on to the engine, on every replica.
    """
    for endpoint in findings.over(offering("seed"), "endpoints with seeds"):
        texts = _texts(reader, questions, endpoint, times=3, temperature=1, seed=SEED)
        if len(set(texts)) > 1:
            findings.add(
                f"{endpoint.name}, seed {SEED}",
                saw=_difference(texts),
                want="one text for one seed",
                fix="pass seed on to the engine",
            )


def _texts(reader, questions, endpoint, *, times, **options):
    def answer_of(time):
        return questions.chat(endpoint, SAID, max_tokens=LENGTH, time=time, **options)

    with ThreadPoolExecutor(times) as callers:
        asked = list(callers.map(answer_of, range(1, times + 1)))
    answers = [reader.whole(ChatCompletion, answer, f"{endpoint.name}, {options}") for answer in asked]
    reader.findings.looked_at(len(answers), "answers")
    return [answer.choices[0].message.content or "" for answer in answers if answer]


def _difference(texts):
    other = next(text for text in texts if text != texts[0])
    same = next((n for n, pair in enumerate(zip(texts[0], other, strict=False)) if pair[0] != pair[1]), 0)
    return f"from character {same}: {texts[0][same : same + 40]!r} and {other[same : same + 40]!r}"


@needs("inference.*.offers.several")
def test_several_answers_are_given(findings, reader, offering, questions):
    """With n = 3 there are three answers, numbered from 0, streamed or not.

    Why: callers vote, or choose the best; one answer instead of three looks like agreement.
    Fix: pass n on to the engine and number the choices.
    """
    for endpoint in findings.over(offering("several"), "endpoints with several answers"):
        options = {"max_tokens": 8, "n": 3, "temperature": 1}
        subject = f"{endpoint.name}, n 3"
        whole = reader.whole(ChatCompletion, questions.chat(endpoint, SAID, **options), subject)
        streamed = questions.chat(endpoint, SAID, stream=True, **options)
        chunks = reader.chunks(ChatChunk, streamed, f"{subject}, streamed")
        numbers = {"": [choice.index for choice in whole.choices] if whole else [0, 1, 2]}
        ends = [c.index for chunk in chunks for c in chunk.choices if c.finish_reason]
        numbers[", streamed"] = sorted(ends) if chunks else [0, 1, 2]
        for how, seen in numbers.items():
            if seen != [0, 1, 2]:
                findings.add(
                    f"{subject}{how}",
                    saw=f"answers with index {', '.join(map(str, seen)) or '(none)'}",
                    want="three answers, index 0, 1, 2, each with its own end",
                    fix="pass n on to the engine",
                )


@needs("inference")
def test_any_of_several_stops_ends_an_answer(findings, reader, chat_endpoints, exchanges, questions):
    """Of several texts in `stop`, whichever comes first ends the answer, streamed or not.

    Why: agents name several ends; the one that is ignored is where the model goes on to talk to itself.
    Fix: pass the whole list on to the engine, on both paths.
    """
    for endpoint in findings.over(chat_endpoints, "endpoints"):
        said = exchanges.completion(endpoint).choices[0].message.content or ""
        words = [word for word in said.split() if word.isalpha()]
        if len(words) < 3:
            continue  # too little text to stop in; the contract check says so
        findings.looked_at(1, "answers with words to stop at")
        stops = ["\u2042 never said \u2042", words[len(words) // 2]]
        options = {"max_tokens": exchanges.long, "stop": stops}
        plain = questions.chat(endpoint, exchanges.prompt, **options)
        whole = reader.whole(ChatCompletion, plain, f"{endpoint.name}, stop {stops}")
        streamed = questions.chat(endpoint, exchanges.prompt, stream=True, **options)
        chunks = reader.chunks(ChatChunk, streamed, f"{endpoint.name}, stop {stops}, streamed")
        texts = {"": whole.choices[0].message.content or "" if whole else ""}
        texts[", streamed"] = "".join(c.delta.content or "" for chunk in chunks for c in chunk.choices)
        for how, text in texts.items():
            if stops[1] in text:
                findings.add(
                    f"{endpoint.name}, stop as a list{how}",
                    saw=f"{text[-60:]!r}",
                    want=f"the answer cut before {stops[1]!r}",
                    fix="pass the whole list on to the engine",
                )


@needs("inference.*.context_tokens")
def test_what_does_not_fit_the_context_is_refused(findings, promises, questions):
    """A prompt that is longer than the context is a 400, streamed or not, and nothing is cut off in silence.

    Why: what is cut is the beginning, where the instructions are; the answer looks right and is not.
    Fix: refuse with code context_length_exceeded; switch truncation off (--auto-truncate).
    """
    for promise in findings.over([p for p in promises if p.section.context_tokens], "endpoints"):
        endpoint, context = promise.endpoint, promise.section.context_tokens
        largest = promise.section.limits and promise.section.limits.largest_body
        prompt = "ship " * (context + 16)
        for how, streamed in (("", {}), (", streamed", {"stream": True})):
            answer = questions.chat(endpoint, prompt, max_tokens=1, **streamed)
            too_large = answer.status == 413 and largest and len(prompt) > largest
            if answer.status != 400 and not too_large:
                findings.add(
                    f"{endpoint.name}, a prompt of more than {context} tokens{how}",
                    saw=answer.excerpt,
                    want="HTTP 400 with code context_length_exceeded",
                    fix="count the prompt before it goes to the engine and refuse it; cut nothing",
                )
