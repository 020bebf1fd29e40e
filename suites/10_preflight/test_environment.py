"""The variables that the deployment is configured with."""

from shipworthy import needs
from shipworthy.probes.placeholders import placeholder_in


@needs("environment.required")
def test_required_variables_are_set(environment, variables, findings):
    """Every variable that the target requires is set and not empty.

    Why: a service that misses a variable fails at its first use of it, which may be days later.
    Fix: set the variable where the deployment is configured, then run the gate with the same environment.
    """
    for name in findings.over(environment.required, "required variables"):
        value = variables.get(name)
        if not (value or "").strip():
            findings.add(
                name,
                saw="it is not set" if value is None else "it is set to nothing",
                want="a value",
                fix=f"export {name}=…, or write it to the target's env_file",
            )


@needs("values")
def test_no_placeholder_is_left(environment, variables, declared_secrets, declared_urls, findings):
    """No secret, address or required variable still holds the placeholder of a template.

    Why: a copied `.env.example` looks complete and works until the first call that needs the real value.
    Fix: put the real value in; for a generated secret: `openssl rand -base64 32`.
    """
    assert placeholder_in("your-service-role-key"), "control: a known placeholder must be recognised"
    required = {name: variables.get(name, "") for name in environment.required or ()}
    by_value = {value: name for name, value in (declared_urls | declared_secrets | required).items()}
    for value, name in findings.over(by_value.items(), "values"):
        reason = placeholder_in(value)
        if reason:
            findings.add(
                name,
                saw=f"a placeholder: {reason}",
                want="the value that this environment really uses",
                fix=f"replace the value of {name} by the real one",
            )
