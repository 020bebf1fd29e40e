"""Calls of tools: their names, their arguments, and what follows on them."""

import json

from jsonschema import Draft202012Validator

from shipworthy import needs
from shipworthy.probes.inference import ChatChunk, ChatCompletion, joined

SAID = "What will the sea be like tomorrow at noon? Use the tool."
ARGUMENTS = {
    "type": "object",
    "properties": {
        "harbour": {"type": "string", "enum": ["q7-north", "q7-south"]},
        "hours": {"type": "integer", "minimum": 1, "maximum": 48},
        "units": {"type": "array", "items": {"type": "string", "enum": ["kn", "m"]}, "minItems": 1},
    },
    "required": ["harbour", "hours", "units"],
    "additionalProperties": False,
}
OTHER = {"type": "function", "function": {"name": "count_ships", "parameters": {"type": "object"}}}
WANTED = {
    "type": "function",
    "function": {"name": "sea_forecast", "description": "The state of the sea.", "parameters": ARGUMENTS},
}
ASKED = {
    "max_tokens": 256,
    "tools": [OTHER, WANTED],
    "tool_choice": {"type": "function", "function": {"name": "sea_forecast"}},
}
FIX = "switch tool calling on, with the parser of this model (vLLM: --enable-auto-tool-choice)"


@needs("inference.*.offers.tools")
def test_tool_calls_fit_their_schema(findings, reader, offering, questions):
    """A tool that must be called is called: by its name, with an id, with JSON that fits its schema.

    Why: the arguments go into code; what does not parse or fit is an exception, or a wrong act.
    Fix: constrain the arguments by the schema (guided decoding), and use the tool parser of this model.
    """
    for endpoint in findings.over(offering("tools"), "endpoints with tools"):
        subject = f"{endpoint.name}, tool_choice sea_forecast"
        answer = questions.chat(endpoint, SAID, **ASKED)
        found = reader.whole(ChatCompletion, answer, subject)
        if not found:
            continue
        choice = found.choices[0]
        calls = choice.message.tool_calls or ()
        if not calls:
            findings.add(
                subject,
                saw=f"no tool_calls; {answer.content[:200]!r}",
                want="a call of sea_forecast",
                fix=FIX,
            )
        if choice.finish_reason not in {"tool_calls", "stop"}:
            findings.add(
                subject,
                saw=f"finish_reason {choice.finish_reason}",
                want='"tool_calls" ("stop" where the tool was chosen by name)',
                fix="give the reason that OpenAI gives",
            )
        for call in calls:
            _judge(findings, subject, call.function.name, call.function.arguments)
        _judge_ids(findings, subject, [call.id for call in calls])


@needs("inference.*.offers.tools")
def test_streamed_tool_calls_equal_plain_ones(findings, reader, offering, questions):
    """The fragments of a streamed call come to the same call: one id, one name, arguments that are whole.

    Why: clients put the fragments together by index; one that is lost leaves JSON that does not parse.
    Fix: send id, type and name with the first fragment of each index, then the arguments in order.
    """
    for endpoint in findings.over(offering("tools"), "endpoints with tools"):
        subject = f"{endpoint.name}, tool_choice sea_forecast, streamed"
        plain = reader.whole(ChatCompletion, questions.chat(endpoint, SAID, **ASKED), subject)
        streamed = questions.chat(endpoint, SAID, stream=True, **ASKED)
        chunks = reader.chunks(ChatChunk, streamed, subject)
        if not plain or not chunks:
            continue
        parts = [part for chunk in chunks for c in chunk.choices for part in c.delta.tool_calls or ()]
        calls = joined(parts)
        if not calls:
            findings.add(
                subject, saw=f"no call in {len(chunks)} chunks", want="a call of sea_forecast", fix=FIX
            )
        for call in calls:
            _judge(findings, subject, call.name, call.arguments)
        _judge_ids(findings, subject, [call.id for call in calls])
        whole = [(c.function.name, c.function.arguments) for c in plain.choices[0].message.tool_calls or ()]
        if calls and [(call.name, _compact(call.arguments)) for call in calls] != [
            (name, _compact(arguments)) for name, arguments in whole
        ]:
            findings.add(
                subject,
                saw=f"{calls[0].name}({calls[0].arguments}) in {calls[0].fragments} fragments",
                want=f"as in one piece: {whole}",
                fix="look for fragments that were lost, doubled or put out of order",
            )


@needs("inference.*.offers.tools")
def test_results_of_tools_are_taken_up(findings, reader, offering, questions):
    """A conversation goes on after a tool has answered, with words.

    Why: a call is half of the way; where its result is refused, no agent ever comes to an end.
    Fix: take messages of the role `tool` and assistant messages whose content is null.
    """
    for endpoint in findings.over(offering("tools"), "endpoints with tools"):
        function = {
            "name": "sea_forecast",
            "arguments": '{"harbour": "q7-north", "hours": 24, "units": ["m"]}',
        }
        messages = [
            {"role": "user", "content": SAID},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "call_1", "type": "function", "function": function}],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": "waves of 2 m"},
        ]
        answer = questions.chat(
            endpoint, SAID, max_tokens=8, tools=[OTHER, WANTED], tool_choice="none", messages=messages
        )
        subject = f"{endpoint.name}, after a tool has answered"
        found = reader.whole(ChatCompletion, answer, subject)
        message = found.choices[0].message if found else None
        if message and not message.text:
            findings.add(
                subject, saw=answer.excerpt, want="an answer in words", fix="use a chat template with tools"
            )


def _judge(findings, subject, name, arguments):
    if name != "sea_forecast":
        findings.add(subject, saw=f"a call of {name!r}", want="a call of sea_forecast", fix=FIX)
    try:
        given = json.loads(arguments)
    except ValueError as error:
        findings.add(
            subject,
            saw=f"arguments {arguments[-200:]!r}: {error}",
            want="JSON",
            fix="send the whole arguments",
        )
        return
    wrong = next(Draft202012Validator(ARGUMENTS).iter_errors(given), None)
    if wrong:
        findings.add(
            subject,
            saw=f"arguments {arguments[:200]}: {wrong.message[:160]}",
            want="arguments that fit the tool's schema",
            fix="constrain the arguments by the schema (guided decoding, strict)",
        )


def _judge_ids(findings, subject, ids):
    if not all(ids) or len(set(ids)) < len(ids):
        findings.add(
            subject,
            saw=f"ids {ids}",
            want="an id for each call, each its own",
            fix="make an id for each call: the result is sent back under it",
        )


def _compact(arguments):
    try:
        return json.dumps(json.loads(arguments), sort_keys=True)
    except ValueError:
        return arguments
