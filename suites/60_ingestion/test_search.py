"""Search answers those who may ask, and nobody else."""

from shipworthy import mutates, needs

REFUSED = {401, 403}


@needs("ingestion", "supabase")
@mutates
def test_search_refuses_who_may_not_read(ingestion, target, findings):
    """Search without a token, with an invalid one, or with the public anon key finds nothing for anybody.

    Why: passages are the documents themselves; an open search is an open document store.
    Fix: pass the caller's own token on to the Data API, so that RLS decides, and answer 401 without one.
    """
    question = ingestion.bring().document.phrase
    known = ingestion.search.ask(question)
    assert known.is_success, f"control: with ingestion.search_token it must answer, not {known.status_code}"
    assert known.json()["results"], "control: with ingestion.search_token it must find something"
    credentials = {
        "no token": None,
        "an invalid token": "shipworthy.invalid.token",
        "the anon key": target.supabase.anon_key.get_secret_value(),
    }
    for name, token in findings.over(credentials.items(), "credentials"):
        answer = ingestion.search.ask(question, token=token)
        if answer.status_code not in REFUSED:
            findings.add(
                f"POST {answer.request.url} with {name}",
                saw=f"{answer.status_code} {answer.text[:100]!r}",
                want="401",
                fix="search with the caller's rights, never with the service key",
            )
