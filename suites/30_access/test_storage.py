"""Whether private buckets give nothing away."""

from shipworthy import mutates, needs


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
