"""Whether callers are kept apart, and whether what one leaves behind stands in the way of others."""

from shipworthy import ProbeError, alone, needs
from shipworthy.probes.inference.abandoned import USUAL_DESCRIPTORS


@needs("inference")
def test_answers_go_to_whom_they_belong(findings, evidence, crowd):
    """No answer holds what another caller sent, alone, by eight or by thirty-two, streamed or not.

    Why: an answer that reaches the wrong caller is a leak of one customer's data to another.
    Fix: keep nothing of a request outside its own scope; look for module-level state, reused buffers,
    batches whose places were mixed up, and caches that are keyed by too little.
    """
    for endpoint, waves in findings.over(crowd.of_every_model(crowd.in_waves), "endpoints"):
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
def test_a_system_prompt_is_its_callers_own(findings, crowd):
    """The same question under two system prompts is answered under each one's own.

    Why: system prompts hold what an application knows of its customer; a cache that is keyed by the question
    alone hands it to the next one who asks the same.
    Fix: key caches of answers and of prefixes by the whole conversation, the model and its parameters.
    """
    for endpoint, echoes in findings.over(crowd.of_every_model(crowd.under_orders), "endpoints"):
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


@alone
@needs("inference")
def test_who_leaves_makes_room(findings, evidence, crowd):
    """A stream whose caller has left ends, and its slot is the next caller's.

    Why: users close tabs and agents give up; a GPU that goes on writing for nobody makes all others wait.
    Fix: watch for the disconnect while the answer is made and abort the request in the engine; a proxy or
    gateway in front has to close its own request when its caller leaves.
    """
    left_by_endpoint = crowd.of_every_model(crowd.leaving, crowd.who_may_leave)
    for endpoint, left in findings.over(left_by_endpoint, "endpoints"):
        findings.looked_at(left.begun, "streams that were left at their first token")
        evidence.measure(
            f"{left.asked} streams of {endpoint.name}, left at their first token",
            left.left_s,
            "s",
            samples=left.asked,
            limit=left.bearable_s,
        )
        if left.trouble or left.left_s > left.bearable_s:
            findings.add(
                f"{endpoint.name}, streams left at their first token",
                saw=f"{left.begun} of {left.asked} began within {left.left_s:.1f} s, {left.at_once} at a time"
                f"{f'; then: {left.trouble}' if left.trouble else ''}; as many answers of one token, waited "
                f"for, took {left.stayed_s:.2f} s",
                want=f"about as long as for answers of one token ({left.bearable_s:.1f} s at most)",
                fix="abort the answer in the engine when its caller disconnects, and give the slot back in "
                "a `finally`; close the upstream request when the downstream one is gone",
            )


@alone
@needs("inference")
def test_connections_leave_nothing_behind(findings, evidence, crowd, inference_endpoints):
    """After hundreds of requests and connections, also dropped ones, the endpoint answers and holds no more.

    Why: a descriptor that leaks with every hundredth request stops the endpoint in the middle of some night.
    Fix: close connections, files and clients where they are opened (`with`, `finally`).
    """
    # Not through the gateway: its limit per user would turn most of these away and hit the other checks.
    for endpoint in findings.over(inference_endpoints, "endpoints"):
        churned, left = crowd.coming_and_going(endpoint)
        findings.looked_at(churned.requests, "requests over kept connections")
        evidence.measure(f"requests to {endpoint.name}", churned.requests, "requests", samples=1)
        evidence.measure(f"connections to {endpoint.name} dropped", churned.dropped, "connections", samples=1)
        done = f"after {churned.requests} requests and {churned.dropped} dropped connections"
        if churned.trouble:
            findings.add(
                f"{endpoint.name}, {done}",
                saw=f"no answer: {churned.trouble}",
                want="an answer to every request",
                fix="look into the server's log; raise `ulimit -n` only once nothing leaks",
            )
        if left is not None and left > USUAL_DESCRIPTORS:
            findings.add(
                f"{endpoint.name}, {done}",
                saw=f"{left} descriptors more than before (process_open_fds)",
                want=f"no more than before, give or take {USUAL_DESCRIPTORS}",
                fix="find what is opened with a request and not closed with it: `ls -l /proc/PID/fd`",
            )
