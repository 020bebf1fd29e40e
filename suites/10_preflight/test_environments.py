"""Whether all parts of the target are parts of one environment."""

from dataclasses import replace

from shipworthy import needs

DEPLOYED = {"staging", "stage", "preview", "production", "prod", "live"}


@needs("environment.foreign")
def test_no_url_of_another_environment(places, environment, findings):
    """No address, DSN or key of this target leads into another environment.

    Why: a staging service with one production URL tests nothing and writes to customers' data.
    Fix: set the value of this environment; if the place is this environment's after all, remove it from
    `environment.foreign`.
    """
    controls = [replace(places[0], host=f"api.{name}") for name in environment.foreign]
    for place in findings.over(places, "places"):
        for name, control in zip(environment.foreign, controls, strict=True):
            assert control.belongs_to(name), "control: a place of another environment must be recognised"
            if place.belongs_to(name):
                findings.add(
                    place.key,
                    saw=f"it leads to {place.host or place.ref}, which is part of {name}",
                    want="a place of this environment (environment.foreign names the others)",
                    fix=f"set {place.key} to this environment's own value",
                )


@needs("addresses")
def test_all_parts_belong_together(places, target, findings):
    """All keys, addresses and DSNs of the target are of one Supabase project and on one side of the network.

    Why: a key of another project, or a forgotten localhost, fails only for the callers that use that part.
    Fix: take every value from the same project; a deployed environment never points to this machine.
    """
    refs = {place.key: place.ref for place in places if place.ref}
    findings.looked_at(len(places), "places")
    project = next(iter(refs.values()), None)
    for key, ref in refs.items():
        if ref != project:
            findings.add(
                key,
                saw=f"project {ref}",
                want=f"project {project}, as {next(iter(refs))} has it",
                fix=f"set {key} from project {project}, or correct {next(iter(refs))}",
            )
    hosts = [place for place in places if place.host]
    if target.reference or (target.name not in DEPLOYED and all(place.loopback for place in hosts)):
        return
    for place in hosts:
        if place.loopback:
            findings.add(
                place.key,
                saw=f"{place.host}: this machine",
                want=f"an address of the deployment {target.name}",
                fix=f"set {place.key} to where {target.name} really is",
            )
