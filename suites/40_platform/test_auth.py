"""Signing in, through the official client."""

import time

import jwt

from shipworthy import mutates, needs
from shipworthy.probes.supabase import ask

LONGEST_TOKEN_S = 24 * 3600


@needs("supabase")
@mutates
def test_signing_in_gives_an_honest_short_lived_token(member, supabase_anon, supabase_client, target):
    """A user signs in, gets a token of that user for a day at most, renews it, and signs out.

    Why: every policy trusts the token's claims; a wrong role or an endless life undoes all of them.
    Fix: compare [auth] of config.toml with the project's settings, above all jwt_expiry.
    """
    wrong = ask(lambda: sign_in(supabase_anon, member.email, member.password + "x"))
    client = supabase_client(target.supabase.anon_key.get_secret_value())
    session = ask(lambda: sign_in(client, member.email, member.password)).must("sign in").session
    claims = jwt.decode(session.access_token, options={"verify_signature": False})
    renewed = ask(lambda: client.auth.refresh_session().session)
    known = ask(lambda: client.auth.get_user().user.id)
    signed_out = ask(lambda: client.auth.sign_out() or True)
    late = ask(lambda: supabase_anon.auth.refresh_session(renewed.answer.refresh_token).session)

    assert wrong.refusal, "a wrong password was accepted"
    assert claims["sub"] == member.id, f"the token is for {claims['sub']}, not for {member.id}"
    assert (claims["role"], claims["email"]) == ("authenticated", member.email), (
        f"{claims['role']}, {claims['email']}"
    )
    assert "authenticated" in claims["aud"], f"the token is meant for {claims['aud']}"
    lifetime = claims["exp"] - time.time()
    assert 0 < lifetime <= LONGEST_TOKEN_S, f"the token is valid for {lifetime:.0f} s"
    assert renewed.refusal is None, f"the session cannot be renewed: {renewed.refusal}"
    assert known.answer == member.id, f"Auth knows the renewed token as {known.answer or known.refusal}"
    assert signed_out.refusal is None, f"signing out failed: {signed_out.refusal}"
    assert late.refusal, "a session that was signed out can still be renewed"


def sign_in(client, email, password):
    """Sign a client in."""
    return client.auth.sign_in_with_password({"email": email, "password": password})
