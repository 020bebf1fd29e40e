"""The two API keys of the Supabase project."""

import datetime as dt

from shipworthy import needs
from shipworthy.probes.jwt import tampered

SOON_DAYS = 30
HOW_TO_GET = "copy it from Settings > API Keys of the project (`supabase projects api-keys`)"


def judge_claims(findings, api_key, target):
    """Report what a key says about itself that does not fit its place."""
    claims, key = api_key.claims, api_key.key
    findings.looked_at(1, "keys")
    if claims.kind == "opaque":
        findings.add(key, saw="neither a JWT nor an sb_… key", want="an API key of Supabase", fix=HOW_TO_GET)
        return
    if claims.role != api_key.role:
        fix = f"put the {api_key.role} key here: {HOW_TO_GET}"
        findings.add(key, saw=f"a key for the role {claims.role}", want=f"role {api_key.role}", fix=fix)
    if claims.kind != "jwt":
        return
    project = target.supabase.project_ref or place_ref(target)
    if project and claims.ref != project:
        findings.add(key, saw=f"a key of project {claims.ref}", want=f"project {project}", fix=HOW_TO_GET)
    if claims.issuer != "supabase":
        findings.add(key, saw=f"issued by {claims.issuer}", want="issued by supabase", fix=HOW_TO_GET)
    days = claims.days_left(dt.datetime.now(dt.UTC))
    if days is not None and days < SOON_DAYS:
        saw = f"expired {-days:.0f} days ago" if days < 0 else f"expires in {days:.0f} days"
        fix = "rotate the project's keys, then replace this one"
        findings.add(key, saw=saw, want=f"valid for {SOON_DAYS} days or more", fix=fix)


def place_ref(target):
    """Derive the project from the host of its API, where that names one."""
    from shipworthy.probes.places import place_of

    return place_of("supabase.url", target.supabase.url).ref


@needs("supabase")
def test_anon_key_is_anon(api_keys, target, findings):
    """The anon key has the role anon, belongs to this project and will not expire soon.

    Why: the anon key is shipped to every browser; with another role in it every reader is an operator.
    Fix: put the project's anon (or sb_publishable_…) key there; if it was the service key, rotate that now.
    """
    judge_claims(findings, api_keys["anon"], target)


@needs("supabase")
def test_service_role_key_is_service_role(api_keys, target, findings):
    """The service role key has the role service_role, belongs to this project and will not expire soon.

    Why: with a lesser key every server-side job fails quietly: RLS answers it with zero rows, not an error.
    Fix: put the project's service_role (or sb_secret_…) key there, and only on servers.
    """
    judge_claims(findings, api_keys["service_role"], target)


@needs("supabase")
def test_api_accepts_both_keys_and_no_other(api_keys, target, http, findings):
    """The API accepts both keys and refuses the same keys with one character changed.

    Why: what a key says about itself proves nothing; only the API can verify its signature.
    Fix: copy both keys again from the project that `supabase.url` names; if a changed key
    is accepted, the API does not verify signatures: set its JWT secret.
    """
    for api_key in findings.over(api_keys.values(), "keys"):
        genuine = api_key.value.get_secret_value()
        accepted, refused = (status_for(http, target, key) for key in (genuine, tampered(genuine)))
        if accepted in {401, 403}:
            findings.add(api_key.key, saw=f"the API refuses it ({accepted})", want="accepted", fix=HOW_TO_GET)
        if refused not in {401, 403}:
            findings.add(
                f"{api_key.key} with one character changed",
                saw=f"the API accepts it ({refused})",
                want="401",
                fix="make the API verify key signatures: set its JWT secret",
            )


def status_for(http, target, key):
    """Give the status of a read that needs a valid key and nothing else: 404 when the key is accepted."""
    headers = {"apikey": key} | ({"Authorization": f"Bearer {key}"} if key.count(".") == 2 else {})
    url = f"{target.supabase.url}/rest/v1/shipworthy_asks_only_for_its_key"
    return http.get(url, params={"limit": 1}, headers=headers).status_code
