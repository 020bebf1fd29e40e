"""What the app gives away, and how it protects those who use it."""

from shipworthy import mutates, needs
from shipworthy.probes.browser import service_keys_in

SAFE_REFERRERS = {"no-referrer", "same-origin", "strict-origin", "strict-origin-when-cross-origin"}
UNSAFE_SOURCES = ("'unsafe-inline'", "'unsafe-eval'", "*", "http:", "https:", "data:")


@needs("web.email")
@mutates
def test_no_secret_reaches_the_browser(signed_in, server_secrets, findings, evidence):
    """No page, script, configuration or answer that the browser loads holds a secret of the target.

    Why: whatever the browser has, everybody has; a service key there is the whole database, without RLS.
    Fix: remove it from the client's code, rotate it now, and call a function on the server instead.
    """
    signed_in.metrics()
    loaded = signed_in.loaded()
    evidence.json("loaded", [{"url": each.url, "characters": len(each.text)} for each in loaded])
    assert any(".js" in each.url for each in loaded), "control: the app must have loaded a script"
    findings.looked_at(len(server_secrets), "secrets")
    for each in findings.over(loaded, "loaded files"):
        known = {secret for secret in server_secrets.values() if secret in each.text}
        for secret in sorted(known | service_keys_in(each.text)):
            names = [name for name, value in server_secrets.items() if value == secret]
            findings.add(
                each.url,
                saw=f"the value of {' and '.join(names)}" if names else "a key with the role service_role",
                want="nothing that must stay on servers",
                fix="take it out of the build, rotate it, and use it in a function on the server",
            )


@needs("web")
def test_page_protects_its_users(visit, http, target, findings, evidence):
    """The page is served with headers that keep foreign scripts out and the page out of foreign frames.

    Why: one injected script reads the session of everybody who opens the page.
    Fix: send Content-Security-Policy with script-src 'self' and frame-ancestors 'none',
    X-Content-Type-Options: nosniff and a Referrer-Policy.
    """
    answer = http.get(target.web.url)
    assert "<html" in answer.text, f"control: {target.web.url} must be a page, not {answer.text[:100]!r}"
    headers = dict(answer.headers)
    evidence.json("headers", headers)
    policy = _directives(headers.get("content-security-policy", ""))
    scripts = policy.get("script-src", policy.get("default-src", ["*"]))
    framed = policy.get("frame-ancestors") or headers.get("x-frame-options")
    rules = {
        "Content-Security-Policy: script-src 'self'": not set(scripts) & set(UNSAFE_SOURCES),
        "Content-Security-Policy: frame-ancestors 'none'": bool(framed),
        "X-Content-Type-Options: nosniff": headers.get("x-content-type-options") == "nosniff",
        "Referrer-Policy: same-origin": headers.get("referrer-policy") in SAFE_REFERRERS,
    }
    if target.web.url.startswith("https:"):
        rules["Strict-Transport-Security: max-age=31536000"] = "strict-transport-security" in headers
    for rule, kept in findings.over(rules.items(), "rules"):
        if not kept:
            name = rule.partition(":")[0]
            findings.add(
                f"{name} of {target.web.url}",
                saw=headers.get(name.lower(), "no such header"),
                want=rule,
                fix=f"send `{rule}` with every page",
            )
    if visit.runs_injected_script():
        findings.add(
            target.web.url,
            saw="an inline script that was put into the page ran",
            want="the browser refuses it",
            fix="script-src without 'unsafe-inline', with a nonce for scripts of the app's own",
        )


def _directives(policy):
    parts = (directive.split() for directive in policy.lower().split(";"))
    return {name: sources for name, *sources in filter(None, parts)}
