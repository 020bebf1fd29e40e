"""Whether callers are kept apart, and whether what one leaves behind stands in the way of others."""

from shipworthy import ProbeError, needs


@needs("inference")
def test_answers_go_to_whom_they_belong(findings, evidence, callers):
    """No answer holds what another caller sent, alone, by eight or by thirty-two, streamed or not.

    Why: an answer that reaches the wrong caller is a leak of one customer's data to another.
    Fix: keep nothing of a request outside its own scope; look for module-level state, reused buffers,
    batches whose places were mixed up, and caches that are keyed by too little.
    """
    for endpoint, waves in findings.over(callers.of_every_model(callers.in_waves), "endpoints"):
        codes = [echo.code for wave in waves for echo in wave.echoes]
        own = sum(echo.own for wave in waves for echo in wave.echoes)
        findings.looked_at(own, "answers that repeat their caller's code")
        evidence.measure(
            f"answers of {endpoint.name} with the caller's own code", own, "answers", samples=len(codes)
        )
        for wave in waves:
            mixed = [(echo, echo.foreign(codes)) for echo in wave.echoes if echo.foreign(codes)]
            for streamed in (True, False):
                leaks = [(echo, others) for echo, others in mixed if echo.streamed is streamed]
                how = "streamed" if streamed else "in one piece"
                if leaks:
                    echo, others = leaks[0]
                    findings.add(
                        f"{endpoint.name}, {wave.at_once} at once, {how}",
                        saw=f"{len(leaks)} answers with the code of another caller; to {echo.code} it said "
                        f"{echo.text[:100]!r}, and {others[0]} is another's",
                        want="in each answer no code but its caller's",
                        fix="keep prompts and answers in the scope of their request; look for shared state, "
                        "mixed-up places in a batch, and caches keyed by too little",
                    )


@needs("inference")
def test_a_system_prompt_is_its_callers_own(findings, callers):
    """The same question under two system prompts is answered under each one's own.

    Why: system prompts hold what an application knows of its customer; a cache that is keyed by the question
    alone hands it to the next one who asks the same.
    Fix: key caches of answers and of prefixes by the whole conversation, the model and its parameters.
    """
    for endpoint, echoes in findings.over(callers.of_every_model(callers.under_orders), "endpoints"):
        codes = list(dict.fromkeys(echo.code for echo in echoes))
        if not any(echo.own or echo.foreign(codes) for echo in echoes):
            said = echoes[0].trouble or repr(echoes[0].text[:120])
            raise ProbeError(
                f"{endpoint.name} says nothing of what its system prompt tells it to say: {said}"
            )
        for echo in findings.over(echoes, "answers under a system prompt"):
            for other in echo.foreign(codes):
                findings.add(
                    f"{endpoint.name}, {'streamed' if echo.streamed else 'in one piece'}",
                    saw=f"told that the code word is {echo.code}, it answered {echo.text[:120]!r}; "
                    f"{other} stands in another caller's system prompt",
                    want="nothing of another conversation's system prompt",
                    fix="key the cache by all messages, the system prompt included, or switch it off",
                )
