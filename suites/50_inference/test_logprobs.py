"""How likely the tokens were, as the endpoint says."""

from shipworthy import needs
from shipworthy.probes.inference import ChatChunk, ChatCompletion

SAID = "Name the ships that passed."
ASKED = {"max_tokens": 16, "logprobs": True, "top_logprobs": 3}
ROUNDING = 1e-3


def _answers(reader, questions, endpoint):
    """Give subject, text and tokens of the answer in one piece and of the streamed one."""
    subject = f"{endpoint.name}, logprobs"
    found = reader.whole(ChatCompletion, questions.chat(endpoint, SAID, **ASKED), subject)
    if found:
        choice = found.choices[0]
        yield subject, choice.message.content or "", [choice.logprobs] if choice.logprobs else []
    subject = f"{subject}, streamed"
    chunks = reader.chunks(ChatChunk, questions.chat(endpoint, SAID, stream=True, **ASKED), subject)
    choices = [choice for chunk in chunks for choice in chunk.choices]
    if choices:
        text = "".join(choice.delta.content or "" for choice in choices)
        yield subject, text, [choice.logprobs for choice in choices if choice.logprobs]


@needs("inference.*.offers.logprobs")
def test_logprobs_belong_to_the_text(findings, reader, offering, questions):
    """The tokens beside the text are the text, streamed or not.

    Why: confidence is read off them; beside another text they are the confidence in something else.
    Fix: give the logprobs of the tokens that are sent, in their order, special ones left out.
    """
    for endpoint in findings.over(offering("logprobs"), "endpoints with logprobs"):
        for subject, text, logprobs in _answers(reader, questions, endpoint):
            told = "".join(part.text for part in logprobs)
            if not told or not (told == text or told.startswith(text)):
                findings.add(
                    subject,
                    saw=f"tokens {told[:80]!r} beside the text {text[:80]!r}",
                    want="tokens that are the text when they are joined",
                    fix="give the logprobs of the tokens that are sent",
                )


@needs("inference.*.offers.logprobs")
def test_logprobs_are_probabilities(findings, reader, offering, questions):
    """No token is likelier than certain, the likeliest together neither, and the chosen one is among them.

    Why: figures that are no logarithms of probabilities make every threshold on them meaningless.
    Fix: give natural logarithms after softmax, and as many alternatives as were asked for.
    """
    for endpoint in findings.over(offering("logprobs"), "endpoints with logprobs"):
        for subject, _, logprobs in _answers(reader, questions, endpoint):
            tokens = [token for part in logprobs for token in part.content or ()]
            findings.looked_at(len(tokens), "tokens")
            wrong = [(token, why) for token in tokens if (why := _improbable(token))]
            if wrong:
                token, (saw, want) = wrong[0]
                findings.add(
                    subject,
                    saw=f"{len(wrong)} of {len(tokens)} tokens; the first, {token.token!r}: {saw}",
                    want=want,
                    fix="give natural logarithms of the probabilities that the token was chosen by",
                )


def _improbable(token):
    """Say what cannot be, with what would be right; at temperature 0 the likeliest token is chosen."""
    if token.logprob > ROUNDING or any(top.logprob > ROUNDING for top in token.top_logprobs):
        return f"logprob {token.logprob}", "0 at most"
    if not 0 < len(token.top_logprobs) <= ASKED["top_logprobs"]:
        return f"{len(token.top_logprobs)} alternatives", f"1 to {ASKED['top_logprobs']}, as asked for"
    if token.total > 1 + ROUNDING:
        return f"probabilities that sum up to {token.total:.3f}", "1 at most"
    if not token.among_top:
        return "it is not among the likeliest, or with another figure", "the chosen token among the likeliest"
    return None
