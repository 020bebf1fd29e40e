"""Who reaches the endpoints beside those who should."""

from shipworthy import ProbeError, needs
from shipworthy.probes.inference import ask
from shipworthy.probes.inference.reach import (
    FOREIGN_ORIGIN,
    ask_across_origins,
    knock,
    lies_in_private,
    outdated_protocols,
)


@needs("inference.outside_addresses")
def test_outsiders_are_refused(findings, evidence, target, inference_endpoints):
    """By the address that outsiders have, the endpoint serves nobody, with its key or without.

    Why: the gateway counts, limits and logs; a second door to the GPU has none of that, and keys get around.
    Fix: let the network or the ingress admit the gateway alone (private network, allow-list, mutual TLS).
    """
    endpoints = {e.name.removeprefix("inference."): e for e in inference_endpoints}
    for role in findings.over(target.inference.outside_addresses, "addresses outside"):
        endpoint, outside = endpoints[role], target.inference.by_role[role].outside_url
        with endpoint.client() as client:
            control = ask(client, "GET", "models")
        if control.status != 200:
            raise ProbeError(
                f"{endpoint.name} serves nobody by its own address either, so that a refusal shows nothing: "
                f"{control.excerpt}"
            )
        knocks = knock(endpoint, outside)
        evidence.json(f"knocks-{role}", knocks)
        for tried in findings.over(knocks, "attempts from outside"):
            if tried.served:
                findings.add(
                    f"{endpoint.name} by {outside}, {tried.how}",
                    saw=f"HTTP {tried.status} {tried.said}",
                    want="no connection, or HTTP 401 or 403, whatever the key",
                    fix="admit the gateway alone: bind to the private network, or list it at the ingress",
                )
            elif not tried.refused:
                raise ProbeError(
                    f"{outside}, {tried.how}: HTTP {tried.status} {tried.said}; that is neither a refusal "
                    "nor an answer: declare in `outside_url` the address that leads to the endpoint"
                )


@needs("inference")
def test_browsers_get_nothing_from_the_endpoint(findings, inference_endpoints):
    """The endpoint allows no page of any origin to read its answers.

    Why: only the gateway calls it; an endpoint that invites browsers is one where a key in a page works.
    Fix: switch CORS off (vLLM allows every origin by default: `--allowed-origins '[]'`).
    """
    for endpoint in findings.over(inference_endpoints, "endpoints"):
        for answer in findings.over(ask_across_origins(endpoint), "questions of a browser"):
            if answer.allowed is not None:
                findings.add(
                    f"{endpoint.name}, {answer.how}",
                    saw=f"HTTP {answer.status} with Access-Control-Allow-Origin: {answer.allowed} for a page "
                    f"of {FOREIGN_ORIGIN}",
                    want="no Access-Control-Allow-Origin",
                    fix="remove the CORS middleware; vLLM: --allowed-origins '[]'",
                )


@needs("inference")
def test_prompts_travel_encrypted(findings, chat_endpoints):
    """Addresses outside private networks use TLS, of version 1.2 or later only.

    Why: prompts are customers' data, and the key in each request opens the GPU to whoever reads it.
    Fix: put the endpoint behind https and switch TLS 1.0 and 1.1 off.
    """
    # Whether a certificate is valid and for how long is the claim of preflight, for every address.
    addresses = {endpoint.url: endpoint.name for endpoint in chat_endpoints}
    for url, name in findings.over(addresses.items(), "addresses"):
        if url.startswith("http://"):
            if not lies_in_private(url):
                findings.add(
                    f"{name} ({url})",
                    saw="plain http to a public host",
                    want="https, or an address in a private network",
                    fix="serve it by https; correct `url`",
                )
        elif outdated := outdated_protocols(url):
            findings.add(
                f"{name} ({url})",
                saw=f"it still speaks {' and '.join(outdated)}",
                want="TLS 1.2 or later only",
                fix="set the minimum version where TLS ends (nginx: ssl_protocols TLSv1.2 TLSv1.3)",
            )
