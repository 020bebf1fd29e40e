"""Whether what the target declares is there."""

from shipworthy import needs

CERTIFICATE_DAYS = 14


@needs("addresses")
def test_every_declared_endpoint_answers(ask_every_endpoint, evidence, findings):
    """Every endpoint of the target answers in time, with a certificate that stays valid.

    Why: one dead part makes every later failure look like something else.
    Fix: start the part, or correct its address in the target file.
    """
    answers = ask_every_endpoint()
    evidence.json(
        "endpoints",
        [
            {"key": a.endpoint.key, "url": a.endpoint.url, "status": a.status, "seconds": round(a.seconds, 3)}
            | ({"trouble": a.trouble} if a.trouble else {})
            for a in answers
        ],
    )
    for answer in findings.over(answers, "endpoints"):
        endpoint, days = answer.endpoint, answer.certificate_days_left
        if not answer.reached:
            findings.add(
                f"{endpoint.key} ({endpoint.url})",
                saw=answer.trouble or f"HTTP {answer.status}",
                want="a healthy answer (2xx)" if endpoint.healthy else "an answer below 500",
                fix=f"start what listens there, or correct {endpoint.key.partition(' ')[0]} in the target",
            )
        elif days is not None and days < CERTIFICATE_DAYS:
            findings.add(
                f"{endpoint.key} ({endpoint.url})",
                saw=f"its TLS certificate ends in {days:.0f} days",
                want=f"{CERTIFICATE_DAYS} days or more",
                fix="renew the certificate and find out why it was not renewed by itself",
            )
