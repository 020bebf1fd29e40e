"""Objects of storage are judged bucket by bucket: what is public is everyone's, folders are someone's."""

from __future__ import annotations

import pytest

from tests.access.proof.small_worlds import ADA, ANN, BEA, BEN

BUCKETS = """
insert into storage.buckets (id, name, public) values ('files', 'files', false), ('logos', 'logos', true);
insert into storage.objects (bucket_id, name, owner, owner_id)
  select b, u || '/picture.png', u::uuid, u from unnest(array['files', 'logos']) b, unnest(array[{}]) u;
""".format(", ".join(f"'{user}'" for user in (ANN, ADA, BEN, BEA)))
OWN_FOLDER = "(storage.foldername(name))[1] = (select auth.uid())::text"
OWN = f"create policy own on storage.objects for all to authenticated using ({OWN_FOLDER});"


def crossings(matrix, *commands):
    return {
        (cell.persona, cell.command, cell.case)
        for cell in matrix.cells
        if cell.relation == "storage.objects" and cell.scope == "other" and cell.reached
        if cell.command in commands
    }


def test_own_folders_are_reached_and_no_other(measure):
    matrix = measure(BUCKETS, OWN)

    reached = {
        (cell.command, cell.case)
        for cell in matrix.cells
        if cell.relation == "storage.objects" and cell.persona == "member" and cell.reached
    }
    writes = {
        (command, f"in bucket {b}") for command in ("insert", "update", "delete") for b in ("files", "logos")
    }
    assert reached == {("select", "in bucket files"), *writes}
    assert not crossings(matrix, "select", "insert", "update", "delete", "move")


def test_reading_a_private_bucket_of_others_is_a_crossing_and_a_public_one_is_not(measure):
    matrix = measure(
        BUCKETS, OWN, "create policy all_of_it on storage.objects for select to anon using (true)"
    )

    assert crossings(matrix, "select") == {("anon", "select", "in bucket files")}


@pytest.mark.parametrize("command", ["update", "delete"])
@pytest.mark.parametrize("bucket", ["files", "logos"])
def test_changing_others_objects_is_a_crossing_in_every_bucket_with_folders(measure, command, bucket):
    matrix = measure(
        BUCKETS,
        OWN,
        "create policy finds on storage.objects for select to authenticated using (true);"
        f"create policy forgets on storage.objects for {command} to authenticated"
        f" using (bucket_id = '{bucket}')",
    )

    people = {persona for persona, *_ in crossings(matrix, command)}
    assert people >= {"anonymous", "stranger", "member", "admin"}
    assert {case for *_, case in crossings(matrix, command)} == {f"in bucket {bucket}"}


def test_files_that_land_in_the_folders_of_others_are_crossings(measure):
    matrix = measure(
        BUCKETS,
        OWN,
        "create policy adds on storage.objects for insert to authenticated with check (bucket_id = 'logos')",
    )

    landed = crossings(matrix, "insert", "move")
    assert ("stranger", "insert", "in bucket logos") in landed
    assert {(command, case) for _, command, case in landed} == {("insert", "in bucket logos")}


def test_moving_a_file_into_the_folder_of_another_is_a_crossing(measure):
    matrix = measure(
        BUCKETS,
        "create policy reads on storage.objects for select to authenticated using (true);"
        "create policy moves on storage.objects for update to authenticated"
        f" using ({OWN_FOLDER}) with check (true)",
    )

    assert ("member", "move", "in bucket files") in crossings(matrix, "move")


def test_a_bucket_whose_policies_know_no_folders_has_nobodys_places(measure):
    matrix = measure(
        BUCKETS,
        "create policy adds on storage.objects for insert to authenticated with check (bucket_id = 'logos');"
        "create policy finds on storage.objects for select to authenticated using (bucket_id = 'logos')",
    )

    assert not crossings(matrix, "select", "insert", "update", "delete", "move")


def test_a_folder_that_is_meant_for_all_is_nobodys(measure):
    matrix = measure(
        "insert into storage.buckets (id, name, public) values ('files', 'files', false);"
        "insert into storage.objects (bucket_id, name, owner, owner_id)"
        f" values ('files', 'public/a.png', '{ANN}', '{ANN}'), ('files', 'public/b.png', '{BEN}', '{BEN}')",
        "create policy shown on storage.objects for select to anon"
        " using (bucket_id = 'files' and (storage.foldername(name))[1] = 'public')",
    )

    assert not crossings(matrix, "select")
