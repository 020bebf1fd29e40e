"""Which model version serves: releases, their slots, their artifacts in storage."""

import hashlib

from shipworthy import mutates, needs
from shipworthy.probes.supabase import ask


@needs("supabase.model_releases")
def test_active_releases_resolve_to_their_artifacts(supabase_service, findings, evidence):
    """The active slot of every release names an artifact whose object is in storage, byte for byte.

    Why: a release is a row; the workers that scale up tonight find out whether there is a file behind it.
    Fix: upload the object that the artifact's row describes, or flip the release back.
    """
    releases = supabase_service.table("model_releases").select("*").execute().data
    rows = supabase_service.table("model_artifacts").select("*").execute().data
    artifacts = {artifact["id"]: artifact for artifact in rows}
    evidence.json("releases", {"releases": releases, "artifacts": rows})
    for release in findings.over(releases, "releases"):
        subject = f"release {release['model']} ({release['active_slot']})"
        artifact = artifacts.get(release[f"{release['active_slot']}_artifact_id"])
        if artifact is None:
            fix = f"select public.rpc_flip_release('{release['model']}');"
            findings.add(subject, saw="its active slot names no artifact", want="an artifact", fix=fix)
            continue
        place = f"{artifact['bucket']}/{artifact['path']}"
        content = ask(lambda a=artifact: supabase_service.storage.from_(a["bucket"]).download(a["path"]))
        want = f"{artifact['size_bytes']} bytes with sha256 {artifact['sha256']} at {place}"
        fix = f"upload version {artifact['version']} to {place} again, or flip the release back"
        if content.refusal:
            findings.add(subject, saw=f"no object at {place}: {content.refusal}", want=want, fix=fix)
            continue
        seen = (len(content.answer), hashlib.sha256(content.answer).hexdigest())
        if seen != (artifact["size_bytes"], artifact["sha256"]):
            findings.add(subject, saw=f"{seen[0]} bytes with sha256 {seen[1]}", want=want, fix=fix)


@needs("supabase.model_releases")
@mutates
def test_a_release_flips_and_flips_back(supabase_service, synthetic):
    """Flipping a release serves its other slot, flipping again the first; a slot without artifact is refused.

    Why: the flip back is the way out of a bad model at night; it must work, and never to nothing.
    Fix: let `rpc_flip_release` change the slot in one UPDATE under the table's check constraint.
    """
    model = synthetic.name()
    slots = {slot: artifact(synthetic, model, slot) for slot in ("blue", "green")}
    synthetic.row(
        "model_releases",
        found_by=("model",),
        model=model,
        active_slot="blue",
        blue_artifact_id=slots["blue"],
        green_artifact_id=slots["green"],
    )
    half = synthetic.name()
    synthetic.row(
        "model_releases", found_by=("model",), model=half, active_slot="blue", blue_artifact_id=slots["blue"]
    )

    def flip(name):
        return ask(lambda: supabase_service.rpc("rpc_flip_release", {"p_model": name}).execute().data)

    def active(name):
        row = supabase_service.table("model_releases").select("active_slot").eq("model", name).single()
        return row.execute().data["active_slot"]

    there, serving, back, again = flip(model).answer, active(model), flip(model).answer, active(model)
    refused = flip(half)

    assert (there, serving) == ("green", "green"), f"flipped to {there}, serving {serving}"
    assert (back, again) == ("blue", "blue"), f"flipped back to {back}, serving {again}"
    assert refused.refusal, f"a release without a second artifact flipped to {refused.answer}"
    assert active(half) == "blue", f"the refused flip left the release serving {active(half)}"


def artifact(synthetic, model, slot):
    """Release a version into a slot, its object first: whoever looks finds one complete."""
    content = f"{model} {slot}".encode()
    path = synthetic.object(f"models-{slot}", f"{model}/{slot}.txt", content)
    row = synthetic.row(
        "model_artifacts",
        model=model,
        version=slot,
        bucket=f"models-{slot}",
        path=path,
        sha256=hashlib.sha256(content).hexdigest(),
        size_bytes=len(content),
    )
    return row["id"]
