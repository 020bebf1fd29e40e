"""Whether private buckets give nothing away."""

from shipworthy import mutates, needs
from shipworthy.probes.postgres.buckets import (
    configured_buckets,
    object_policies,
    read_buckets,
    strangers_objects,
)
from shipworthy.probes.postgres.policies import read_policies

OBJECTS = "relations and functions of the project"


@needs("supabase.private_buckets", "database.live")
def test_private_buckets_are_not_public(live_buckets, target, findings):
    """Every bucket that is declared private exists and is not public.

    Why: whoever knows or guesses a path in a public bucket downloads the object, whatever the policies say.
    Fix: `update storage.buckets set public = false where id = '…'`, in a migration.
    """
    for bucket in findings.over(target.supabase.private_buckets, "private buckets"):
        if bucket not in live_buckets:
            findings.add(
                f"bucket {bucket}",
                saw="there is no such bucket on live",
                want="every declared bucket",
                fix=f"insert into storage.buckets (id, name, public) values ('{bucket}', '{bucket}', false);",
            )
        elif live_buckets[bucket]:
            findings.add(
                f"bucket {bucket}",
                saw="it is public",
                want="a private bucket",
                fix=f"update storage.buckets set public = false where id = '{bucket}';",
            )


@mutates
@needs("supabase.private_buckets")
def test_anonymous_reaches_no_private_object(private_objects, callers, findings):
    """With the public key, nobody lists, downloads or adds objects of a private bucket.

    Why: documents of customers and models lie there.
    Fix: make the bucket private, and write no policy on storage.objects for anon or public.
    """
    anonymous, service = callers
    for item in findings.over(private_objects, "objects put into private buckets"):
        place = (item.bucket, item.path)
        assert service.read_object(*place, public=False).anything, f"control: the service reads {item.path}"
        assert service.list_objects(item.bucket, item.folder).anything, (
            f"control: the service lists {item.path}"
        )
        tried = {
            "list it": anonymous.list_objects(item.bucket, item.folder),
            "download it by its public address": anonymous.read_object(*place, public=True),
            "download it": anonymous.read_object(*place, public=False),
            "put another beside it": anonymous.put_object(item.bucket, item.beside, b"planted"),
        }
        worked = [f"{what} ({answer.saw})" for what, answer in tried.items() if answer.anything]
        if worked:
            findings.add(
                f"bucket {item.bucket}",
                saw=f"with the anon key, anyone may {', '.join(worked)}",
                want="nothing without signing in",
                fix=f"update storage.buckets set public = false where id = '{item.bucket}'; and drop the"
                " policy on storage.objects that lets anon through",
            )


@needs("database")
def test_object_policies_name_a_bucket(everywhere, catalogue_size, findings):
    """Every policy on `storage.objects` says for which bucket it is, or whose objects.

    Why: all buckets share that one table: a policy without a bucket is one for every bucket that there is
    and that there will be. Whoever adds an object owns it, so that asking for the owner limits no bucket.
    Fix: `bucket_id = '…'` in the policy.
    """
    findings.looked_at(catalogue_size, OBJECTS)
    for policy, place in everywhere(_object_policies):
        if not policy.by_bucket and (policy.adds or not policy.per_object):
            findings.add(
                policy.policy.subject,
                saw=f"{' and '.join(policy.open_to)} may {policy.policy.command} in every bucket ({place})",
                want="a policy that names its bucket",
                fix=f"alter policy {policy.policy.quoted} on storage.objects: and bucket_id = '…'",
            )


@needs("database")
def test_object_policies_ask_whose_an_object_is(everywhere, project, catalogue_size, findings):
    """Policies on private buckets, and on changing anything, ask whose an object is.

    Why: a policy that asks for the bucket alone lets every user read, replace and delete the files of all
    others.
    Fix: compare `owner_id` or `(storage.foldername(name))[1]` with the caller.
    """
    findings.looked_at(catalogue_size, OBJECTS)
    private = frozenset(b.name for b, _ in _buckets(everywhere, project) if not b.public)
    seen = dict(everywhere(_object_policies))
    for found in strangers_objects(seen, private):
        policy, place = found.policy, seen[found]
        findings.add(
            policy.subject,
            saw=f"{' and '.join(found.open_to)} may {policy.command} every object of"
            f" {', '.join(sorted(found.buckets)) or 'the bucket'} ({place})",
            want="a policy that asks whose an object is",
            fix=f"alter policy {policy.quoted} on storage.objects: and owner_id = (select"
            " auth.uid())::text, or (storage.foldername(name))[1] = (select auth.uid())::text",
        )


@needs("database")
def test_public_buckets_cannot_be_listed(everywhere, project, catalogue_size, findings):
    """No policy lets everyone list the objects of a public bucket.

    Why: a public bucket serves every object whose path is known without any policy; a policy for select only
    adds that everyone can list the paths.
    Fix: drop the policy for select, or limit it to the caller's own folder.
    """
    findings.looked_at(catalogue_size, OBJECTS)
    public = {bucket.name for bucket, _ in _buckets(everywhere, project) if bucket.public}
    for found, place in everywhere(_object_policies):
        listed = sorted(found.buckets & public)
        if listed and found.policy.command in {"select", "all"} and not found.per_object:
            findings.add(
                f"bucket {', '.join(listed)}",
                saw=f"it is public, and policy {found.policy.quoted} lets {' and '.join(found.open_to)} list"
                f" all of it ({place})",
                want="objects that only those find who know their path",
                fix=f"drop policy {found.policy.quoted} on storage.objects;",
            )


@needs("database")
def test_public_buckets_limit_what_is_uploaded(everywhere, project, catalogue_size, evidence, findings):
    """A public bucket to which users upload under any name limits the size and the types of files.

    Why: what lies there is served to everyone under the project's own address: pages and scripts as well.
    Fix: `allowed_mime_types` and `file_size_limit` of the bucket, in a migration or in `config.toml`.
    """
    findings.looked_at(catalogue_size, OBJECTS)
    policies = [found for found, _ in everywhere(_object_policies)]
    for bucket, place in _buckets(everywhere, project):
        uploads = [p for p in policies if p.adds and p.reaches(bucket)]
        limits = {"file_size_limit": bucket.limited, "allowed_mime_types": bucket.typed}
        lacks = [name for name, there in limits.items() if not there]
        if not uploads or not lacks:
            continue
        if not bucket.public or len(lacks) < len(limits) or all(policy.per_object for policy in uploads):
            kind = "public" if bucket.public else "private"
            evidence.note(f"{kind} bucket {bucket.name} has no {' and no '.join(lacks)}")
            continue
        findings.add(
            f"bucket {bucket.name}",
            saw=f"it is public, users upload to it under any name, and it has no {' and no '.join(lacks)}"
            f" ({place})",
            want="limits of its own",
            fix="update storage.buckets set file_size_limit = 5242880, allowed_mime_types ="
            f" '{{image/png,image/jpeg}}' where id = '{bucket.name}';",
        )


def _buckets(everywhere, project):
    return everywhere(lambda connection: configured_buckets(project.config, read_buckets(connection)))


def _object_policies(connection):
    return object_policies(read_policies(connection))
