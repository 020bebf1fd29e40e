"""Signing in, staying signed in, signing out."""

from shipworthy import mutates, needs


@needs("web.email")
@mutates
def test_member_signs_in_and_out(visit, web_user, evidence):
    """A member signs in with the right password, and only with it, and can sign out again.

    Why: this is the door; with it shut nobody works, and with it open everybody does.
    Fix: look at the answer of /auth/v1/token in the browser's network view.
    """
    wrong = visit.sign_in(web_user.email, f"{web_user.password}-wrong")
    evidence.json("wrong-password", wrong)
    visit.picture(evidence.path("wrong-password.png"))
    assert wrong.account is None, f"a wrong password signs {wrong.account} in"
    assert wrong.error, "after a wrong password the page says nothing"
    visit.reload()
    entered = visit.sign_in(web_user.email, web_user.password)
    assert entered.account, f"{web_user.email} cannot sign in: {entered.error or 'the page says nothing'}"
    visit.picture(evidence.path("signed-in.png"))
    left = visit.sign_out()
    assert left.account is None, f"after signing out the page still shows {left.account}"
    visit.reload()
    assert visit.entry().account is None, "after signing out a reload signs in again"


@needs("web.email")
@mutates
def test_session_survives_reload(signed_in, browser, target):
    """Who is signed in stays so when the page is loaded again, and nobody else becomes so.

    Why: a session held in memory only sends everybody to the sign-in page with each deployment.
    Fix: keep the session in storage (persistSession of supabase-js) and restore it before the first view.
    """
    before = signed_in.entry()
    signed_in.reload()
    after = signed_in.entry()
    assert after.account == before.account, (
        f"after a reload the page shows {after.account or 'the sign-in form'}"
    )
    stranger = type(signed_in)(browser, target.web.url, target.web.selectors)
    try:
        stranger.open()
        assert stranger.entry().account is None, "control: somebody new must not be signed in"
    finally:
        stranger.close()
