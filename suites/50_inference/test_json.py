"""Answers that have to be JSON."""

import json

from jsonschema import Draft202012Validator

from shipworthy import needs
from shipworthy.probes.inference import ChatChunk, ChatCompletion

SAID = "Describe a lighthouse as JSON, briefly."
LENGTH = 512
SCHEMA = {
    "type": "object",
    "properties": {
        "k7_colour": {"type": "string", "enum": ["q7-red", "q7-white"]},
        "k7_height": {"type": "integer", "minimum": 3, "maximum": 200},
        "k7_lit": {"type": "boolean"},
        "k7_signals": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"seconds": {"type": "number"}},
                "required": ["seconds"],
                "additionalProperties": False,
            },
            "minItems": 1,
            "maxItems": 3,
        },
    },
    "required": ["k7_colour", "k7_height", "k7_lit", "k7_signals"],
    "additionalProperties": False,
}
"""Names and values that no model comes to by itself: they are there only where the schema is enforced."""
MODES = {
    "json_object": {"type": "json_object"},
    "json_schema": {
        "type": "json_schema",
        "json_schema": {"name": "lighthouse", "schema": SCHEMA, "strict": True},
    },
}


def _texts(reader, questions, endpoint, mode):
    """Give the answer in this mode, in one piece and streamed, each with how it was asked for."""
    subject = f"{endpoint.name}, response_format {mode}"
    options = {"max_tokens": LENGTH, "response_format": MODES[mode]}
    whole = reader.whole(ChatCompletion, questions.chat(endpoint, SAID, **options), subject)
    if whole:
        yield subject, whole.choices[0].message.content or "", whole.choices[0].finish_reason
    streamed = questions.chat(endpoint, SAID, stream=True, **options)
    chunks = reader.chunks(ChatChunk, streamed, f"{subject}, streamed")
    choices = [choice for chunk in chunks for choice in chunk.choices]
    if choices:
        text = "".join(choice.delta.content or "" for choice in choices)
        yield f"{subject}, streamed", text, choices[-1].finish_reason


def _object(findings, subject, text, reason):
    """Give the object that a text is; report where it is none."""
    try:
        value = json.loads(text)
    except ValueError as error:
        value = error
    if isinstance(value, dict):
        return value
    findings.add(
        subject,
        saw=f"{text[:120]!r}, finish_reason {reason}: "
        + (str(value) if isinstance(value, ValueError) else "no object"),
        want="one JSON object and nothing around it",
        fix="switch constrained decoding on (vLLM: --guided-decoding-backend); a prompt alone is no mode",
    )
    return None


@needs("inference.*.offers.json_object")
def test_json_mode_gives_json(findings, reader, offering, questions):
    """In JSON mode the whole answer is one JSON object, streamed or not.

    Why: it is parsed by a program; "Sure, here is your JSON:" is an exception in production.
    Fix: constrain decoding to JSON instead of asking the model for it.
    """
    for endpoint in findings.over(offering("json_object"), "endpoints with a JSON mode"):
        for subject, text, reason in _texts(reader, questions, endpoint, "json_object"):
            _object(findings, subject, text, reason)


@needs("inference.*.offers.json_schema")
def test_schemas_are_obeyed(findings, reader, offering, questions):
    """With a JSON schema the whole answer is JSON that fits it, streamed or not.

    Why: the schema is the contract with the code that reads the answer; it was promised, not hoped for.
    Fix: pass the schema on to the engine's constrained decoding; refuse what that does not support.
    """
    for endpoint in findings.over(offering("json_schema"), "endpoints with schemas"):
        for subject, text, reason in _texts(reader, questions, endpoint, "json_schema"):
            value = _object(findings, subject, text, reason)
            wrong = next(Draft202012Validator(SCHEMA).iter_errors(value), None) if value is not None else None
            if wrong:
                findings.add(
                    subject,
                    saw=f"{text[:200]}: {wrong.message[:160]}",
                    want="JSON that fits the schema",
                    fix="pass the schema on to constrained decoding, on both paths",
                )
