"""Who may stream through the gateway."""

from shipworthy import needs
from shipworthy.probes.inference import stream_chat


@needs("gateway", "web.email", "supabase")
def test_the_gateway_streams_to_users_only(findings, gateway_endpoints, inference_endpoints, exchanges):
    """Without a user's token the gateway streams nothing, not even with an endpoint's own key.

    Why: whoever can use the gateway without signing in spends the GPU's money, and no limit per user holds.
    Fix: check the token before the request is passed on, on the streaming path too.
    """
    keys = {"no token": "", **{f"the key of {e.name}": e.key for e in inference_endpoints if e.key}}
    for endpoint in findings.over(gateway_endpoints, "models behind the gateway"):
        request = endpoint.request(exchanges.prompt, max_tokens=1)
        with endpoint.client() as client:
            control = stream_chat(client, request)
        assert not control.incomplete, f"{endpoint.name} with a user's token: {control.incomplete}"
        for whose, key in findings.over(keys.items(), "kinds of callers"):
            with endpoint.client(key=key) as client:
                record = stream_chat(client, request)
            if record.status not in {401, 403}:
                findings.add(
                    f"{endpoint.name}, streamed, with {whose}",
                    saw=f"HTTP {record.status} and {len(record.chunks)} chunks",
                    want="HTTP 401",
                    fix="check the user's token first, on the streaming path too",
                )
