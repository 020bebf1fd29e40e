"""What a member does in the app."""

from shipworthy import mutates, needs

LEAST_MOMENTS = 3


@needs("web.email", "gateway")
@mutates
def test_answer_is_streamed(signed_in, target, evidence):
    """An answer grows on the page while it is written, and is at its end what the gateway sent.

    Why: people judge a model by the first word; an answer that is held back to its end feels broken.
    Fix: read the response's body as a stream; look for proxies that buffer (X-Accel-Buffering: no).
    """
    shown = signed_in.ask(target.web.question)
    signed_in.picture(evidence.path("answer.png"))
    evidence.json("answer", shown)
    assert shown.sent.strip(), "control: the stream must carry text"
    assert " ".join(shown.text.split()) == " ".join(shown.sent.split()), (
        f"the page shows {shown.text[:200]!r}, sent was {shown.sent[:200]!r}"
    )
    evidence.measure(
        "moments of growth",
        shown.moments,
        "changes",
        samples=shown.moments,
        limit=LEAST_MOMENTS,
        at_least=True,
    )
    assert shown.moments >= LEAST_MOMENTS, (
        f"the text grew at {shown.moments} moment(s) only: it was not shown while it was written"
    )


@needs("web.query")
@mutates
def test_search_finds_a_document(signed_in, target, evidence):
    """A member finds a document of the own organization by its meaning.

    Why: a search that is empty for a permission or a CORS header looks like an empty archive.
    Fix: repeat the request of the browser's network view with the member's token.
    """
    results = signed_in.find(target.web.query)
    signed_in.picture(evidence.path("search.png"))
    evidence.json("results", results)
    assert results, f"nothing was found for {target.web.query!r}"
    expected = target.web.finds or ""
    assert any(expected in result for result in results), f"no result holds {expected!r}: {results}"


@needs("web.email")
@mutates
def test_metrics_show_figures(signed_in, evidence):
    """The metrics page shows figures.

    Why: an empty dashboard during an outage is taken for a quiet day.
    Fix: check that roll-ups are made (cron job aggregate-metrics) and that members may read them.
    """
    shown = signed_in.metrics()
    signed_in.picture(evidence.path("metrics.png"))
    evidence.json("metrics", shown)
    assert shown, "the page shows no metric"
    without = [text for text in shown if not any(letter.isdigit() for letter in text)]
    assert not without, f"metrics without a figure: {without}"


@needs("web.email", "web.query", "gateway")
@mutates
def test_journey_leaves_no_trouble(signed_in, target, findings, evidence):
    """From sign-in to sign-out the browser reports no console error, no exception and no failed request.

    Why: what the browser complains about is what people will, a week later and without the details.
    Fix: open the page with the developer tools and go the same way.
    """
    signed_in.ask(target.web.question)
    signed_in.find(target.web.query)
    signed_in.metrics()
    signed_in.sign_out()
    troubles = signed_in.troubles
    evidence.json("troubles", troubles)
    findings.looked_at(len(signed_in.loaded()), "loaded files")
    for kind, fix, seen in (
        ("console error", "mend what the message names", troubles.console),
        ("uncaught exception", "handle it where it is thrown", troubles.uncaught),
        ("failed request", "mend the address, the permission or the CORS header", troubles.requests),
    ):
        for text in dict.fromkeys(seen):
            findings.add(f"{kind} on {target.web.url}", saw=text, want="none", fix=fix)
