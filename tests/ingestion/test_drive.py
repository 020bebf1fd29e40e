from __future__ import annotations

from fixtures.reference.services.drive import DOCUMENTS, LONGEST_PAGE


def changes(folder, token="1"):
    return folder.get("/drive/v3/changes", params={"pageToken": token}).json()


def test_the_sample_documents_are_in_the_folder(folder):
    listed = {change["file"]["name"] for change in changes(folder)["changes"]}

    assert listed == {path.name for path in DOCUMENTS.iterdir()}


def test_content_is_served_as_it_was_put(folder):
    put = folder.put("/files/one", content=b"caf\xc3\xa9", params={"name": "one.md"})

    assert put.json()["name"] == "one.md"
    assert folder.get("/drive/v3/files/one", params={"alt": "media"}).content == b"caf\xc3\xa9"


def test_a_page_token_gives_what_changed_since(folder):
    token = folder.get("/drive/v3/changes/startPageToken").json()["startPageToken"]
    folder.put("/files/one", content=b"1")
    folder.put("/files/one", content=b"2")

    page = changes(folder, token)

    assert [change["fileId"] for change in page["changes"]] == ["one"]
    assert changes(folder, page["newStartPageToken"])["changes"] == []


def test_more_changes_than_a_page_holds_come_in_pages(folder):
    token = folder.get("/drive/v3/changes/startPageToken").json()["startPageToken"]
    for number in range(LONGEST_PAGE + 1):
        folder.put(f"/files/file-{number}", content=b"1")

    first = changes(folder, token)
    second = changes(folder, first["nextPageToken"])

    assert len(first["changes"]) == LONGEST_PAGE
    assert [change["fileId"] for change in second["changes"]] == [f"file-{LONGEST_PAGE}"]
    assert "newStartPageToken" in second


def test_a_removed_file_is_a_change_without_a_file(folder):
    folder.put("/files/one", content=b"1")
    token = folder.get("/drive/v3/changes/startPageToken").json()["startPageToken"]
    folder.delete("/files/one")

    (change,) = changes(folder, token)["changes"]

    assert change["removed"]
    assert "file" not in change
    assert folder.get("/drive/v3/files/one").status_code == 404


def test_a_token_that_was_never_given_is_refused(folder):
    assert folder.get("/drive/v3/changes", params={"pageToken": "999"}).status_code == 400
    assert folder.get("/drive/v3/changes", params={"pageToken": "x"}).status_code == 400
