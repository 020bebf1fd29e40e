"""The webhook's door: who gets in, with how much, how often."""

from shipworthy import alone, mutates, needs
from shipworthy.probes.ingestion import until

REFUSED = {401, 403}
TOO_LARGE = 413
TOO_MANY = 429


@needs("ingestion", "supabase")
@mutates
@alone
def test_wrong_channel_token_is_refused(ingestion, findings):
    """A notification with a wrong or missing channel token is refused, and nothing is ingested for it.

    Why: the webhook's address is public; without the token anybody can make the service work, or poison it.
    Fix: compare X-Goog-Channel-Token with the channel's token in constant time, before anything else is done.
    """
    webhook = ingestion.webhook
    usual = ingestion.bring()
    document = ingestion.place()
    answers = {
        "a wrong token": webhook.notify(token=f"{webhook.token[:-1]}~"),
        "no token": webhook.notify(token=None),
    }
    for credentials, answer in findings.over(answers.items(), "notifications to be refused"):
        if answer.status_code not in REFUSED:
            findings.add(
                f"POST {answer.request.url} with {credentials}",
                saw=f"{answer.status_code} {answer.text[:100]}",
                want="401",
                fix="compare the token with the channel's before the change is queued",
            )
    waited_s = 2 * usual.took_s + 1
    stored, _ = until(lambda: ingestion.rows.of(document.title), lambda rows: bool(rows.documents), waited_s)
    if stored.documents:
        findings.add(
            document.title,
            saw="it was ingested after refused notifications only",
            want="no row of it",
            fix="return from the webhook before the change is queued",
        )
    webhook.notify()
    assert usual.arrived, "control: with the right token a document must be ingested"
    assert ingestion.follow(document).arrived, "control: this document must be ingested with the right token"


@needs("ingestion")
@mutates
def test_unknown_channel_is_refused(webhook, findings):
    """A notification of a channel that this service never opened is refused.

    Why: stopped channels go on sending for days, and their documents belong to nobody.
    Fix: look X-Goog-Channel-ID up in drive_channels; answer 404 where it is not there or not active.
    """
    answer = webhook.notify(channel_id="shipworthy-never-opened")
    findings.looked_at(1, "notifications")
    if not answer.is_client_error:
        findings.add(
            f"POST {answer.request.url} with an unknown X-Goog-Channel-ID",
            saw=f"{answer.status_code} {answer.text[:100]}",
            want="404",
            fix="refuse channels that are not in drive_channels",
        )


@needs("ingestion", "ingestion.largest_body")
@mutates
def test_oversized_body_is_refused(webhook, target, findings):
    """A notification whose body is larger than any of Google's is refused.

    Why: the body is read before the token is known to be right; without a limit anybody can fill the memory.
    Fix: stop reading after ingestion.largest_body bytes and answer 413.
    """
    limit = target.ingestion.largest_body
    within = webhook.notify(body=b" " * min(limit, 1024))
    assert within.is_success, f"control: a small body must be accepted, not {within.status_code}"
    answer = webhook.notify(body=b" " * (limit + 1))
    findings.looked_at(2, "notifications")
    if answer.status_code != TOO_LARGE:
        findings.add(
            f"POST {answer.request.url} with {limit + 1} bytes",
            saw=f"{answer.status_code}",
            want=f"{TOO_LARGE}",
            fix=f"refuse bodies above {limit} bytes while they are read, or at the proxy in front",
        )


@needs("ingestion", "ingestion.rate_limit")
@mutates
@alone
def test_rate_limit_holds(webhook, target, run_id, findings, evidence):
    """A sender that notifies without pause is told to wait, and how long.

    Why: every notification costs a look-up; an unlimited webhook is a way to stop the service from outside.
    Fix: limit notifications per sender and answer 429 with Retry-After.
    """
    limit = target.ingestion.rate_limit
    channel = f"shipworthy-{run_id}-burst"
    answers = [webhook.notify(channel_id=channel)]
    assert answers[0].status_code != TOO_MANY, "control: the first notification must not be limited"
    while len(answers) < 2 * limit + 1 and answers[-1].status_code != TOO_MANY:
        answers.append(webhook.notify(channel_id=channel))
    last = answers[-1]
    count = len(answers)
    findings.looked_at(count, "notifications")
    evidence.measure("notifications before 429", count - 1, "requests", samples=count, limit=2 * limit)
    if last.status_code != TOO_MANY:
        findings.add(
            f"POST {last.request.url}",
            saw=f"{count} notifications in a row, none answered {TOO_MANY}",
            want=f"{TOO_MANY} after about {limit}",
            fix="limit notifications per sender",
        )
    elif not last.headers.get("Retry-After", "").isdecimal():
        findings.add(
            f"POST {last.request.url}",
            saw=f"{TOO_MANY} with Retry-After {last.headers.get('Retry-After')!r}",
            want="Retry-After in seconds",
            fix="say when the sender may come again",
        )
