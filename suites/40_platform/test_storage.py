"""Objects in storage, through the official client."""

from shipworthy import mutates, needs
from shipworthy.probes.supabase import ask

CONTENT = "Größe: 3 µm ✓\n".encode() * 1000


@needs("supabase.private_buckets")
@mutates
def test_objects_survive_a_round_trip(supabase_service, supabase_anon, target, synthetic, findings):
    """An object of a private bucket is listed, comes back byte for byte, to nobody else, and can be deleted.

    Why: an upload that answers 200 says little; a policy or a proxy in between shows in the bytes.
    Fix: compare the bucket's policies and limits with config.toml, then the storage service's log.
    """
    for bucket in findings.over(target.supabase.private_buckets, "private buckets"):
        path = synthetic.object(bucket, f"shipworthy/{synthetic.name()}.txt", CONTENT)
        objects, strangers = supabase_service.storage.from_(bucket), supabase_anon.storage.from_(bucket)
        for claim, holds in observe(objects, strangers, path):
            if not holds:
                fix = f"look at the policies on storage.objects for the bucket {bucket}, and at its limits"
                findings.add(f"bucket {bucket}", saw=f"not so: {claim}", want=claim, fix=fix)


def observe(objects, strangers, path):
    """Take an object through its life; what must hold of it, and whether it does."""
    folder, _, name = path.rpartition("/")
    listed = ask(lambda: objects.list(folder, {"search": name})).must("list a bucket")
    yield "an object is listed", any(found["name"] in {name, path} for found in listed)
    yield "an object comes back byte for byte", ask(lambda: objects.download(path)).answer == CONTENT
    yield "an object is closed to strangers", ask(lambda: strangers.download(path)).refusal is not None
    yield "an object can be deleted", ask(lambda: objects.remove([path])).refusal is None
    yield "a deleted object is gone", ask(lambda: objects.download(path)).refusal is not None
