"""A document goes in by the webhook and comes out of search."""

from shipworthy import alone, mutates, needs


@needs("ingestion", "supabase")
@mutates
def test_rows_arrive_complete(ingestion, target, findings, evidence):
    """A document that Google notifies about becomes one document row, and chunks that all carry embeddings.

    Why: a chunk without an embedding, or of another tenant, is stored and never found by those it is for.
    Fix: follow the notification's X-Goog-Message-Number through the service's log.
    """
    ingested = ingestion.bring()
    document, stored = ingested.document, ingested.stored
    evidence.json("rows", {"documents": stored.documents, "chunks": stored.chunks})
    findings.looked_at(len(stored.chunks), "chunks")
    if len(stored.documents) != 1 or not ingested.arrived:
        findings.add(
            document.title,
            saw=f"{len(stored.documents)} document rows, {len(stored.chunks)} chunks",
            want="one document row with status indexed, and chunks that hold its text",
            fix="look for the document's id in the service's log",
        )
    expected = str(target.ingestion.organization or "")
    for row in findings.over([*stored.documents, *stored.chunks], "rows"):
        if expected and row["organization_id"] != expected:
            findings.add(
                row["id"],
                saw=f"organization {row['organization_id']}",
                want=f"{expected}, whose channel it came by",
                fix="take organization_id from the channel's row",
            )
    for chunk in findings.over(stored.chunks, "embedded chunks"):
        if not chunk["embedding"]:
            findings.add(
                f"chunk {chunk['ordinal']} of {document.title}",
                saw="no embedding",
                want="a vector, or the document not marked as indexed",
                fix="store the embedding before the document's status becomes indexed",
            )


@needs("ingestion", "supabase")
@mutates
@alone
def test_document_is_found_in_time(ingestion, target, evidence):
    """A document is the top hit for its own words within the promised time after the notification.

    Why: this is what the service is for; a slow queue or a query of another model breaks it silently.
    Fix: compare the model of chunks and queries, then the queue's length with ingestion.searchable_within_s.
    """
    document = ingestion.place()
    before = ingestion.search.find(document.phrase)
    assert document.title not in {hit.title for hit in before}, "control: it must be new"
    answer = ingestion.webhook.notify()
    assert answer.is_success, f"the webhook answered {answer.status_code} {answer.text[:200]!r}"
    hits, took_s = ingestion.find(document)
    evidence.json("hits", hits)
    limit_s = target.ingestion.searchable_within_s
    top = hits[0].title if hits else "nothing"
    assert top == document.title, f"after {took_s:.0f} s the top hit for {document.phrase!r} is {top}"
    assert document.phrase in hits[0].content, f"the top hit lacks the phrase: {hits[0].content[:200]!r}"
    evidence.measure("searchable after", took_s, "s", samples=1, limit=limit_s)
    assert took_s <= limit_s, f"it was found after {took_s:.1f} s; promised are {limit_s:.0f} s"


@needs("ingestion", "supabase")
@mutates
def test_replay_makes_no_duplicate(ingestion, findings, evidence):
    """A notification that comes twice, and a file that comes again unchanged, add no row.

    Why: Google repeats notifications, and every duplicate chunk takes another document's place in search.
    Fix: unique keys (organization_id, source, external_id) and (document_id, ordinal), and upserts on them;
    refuse message numbers that are not newer.
    """
    number = ingestion.webhook.new_number()
    document = ingestion.place()
    ingestion.webhook.notify(number=number)
    first = ingestion.follow(document).stored
    ingestion.webhook.notify(number=number)
    ingestion.place(document)
    # Changes are worked off in their order: once the marker is in, the replay before it is done.
    assert ingestion.bring().arrived, "control: a document placed after the replay must be ingested"
    again = ingestion.rows.of(document.title)
    evidence.json("rows", {"before": first, "after": again})
    findings.looked_at(len(first.documents) + len(first.chunks), "rows before the replay")
    for what, before, after in (
        ("document rows", len(first.documents), len(again.documents)),
        ("chunks", len(first.chunks), len(again.chunks)),
    ):
        if after != before:
            findings.add(
                f"{what} of {document.title}",
                saw=f"{after} after the replay",
                want=f"{before} as before it",
                fix="upsert on the file's id (organization_id, source, external_id), not on the notification",
            )


@needs("ingestion", "supabase")
@mutates
def test_changed_document_replaces_its_chunks(ingestion, findings, evidence):
    """When a document changes, its chunks hold the new text and nothing of the old.

    Why: an answer built on a passage that was deleted from the document is wrong, and looks well sourced.
    Fix: upsert chunks with merge-duplicates and delete those with a higher ordinal.
    """
    first = ingestion.bring()
    document = first.document
    assert first.arrived, f"control: {document.title} must be ingested in the first place"
    changed = ingestion.change(document)
    # Changes are worked off in their order: once the marker is in, the change before it is done.
    assert ingestion.bring().arrived, "control: a document placed after the change must be ingested"
    stored = ingestion.rows.of(document.title)
    evidence.json("rows", {"before": first.stored, "after": stored})
    findings.looked_at(len(stored.chunks), "chunks after the change")
    if changed.phrase not in stored.text:
        findings.add(
            document.title,
            saw="no chunk holds the new text",
            want=f"a chunk with {changed.phrase!r}",
            fix="overwrite chunks that exist (Prefer: resolution=merge-duplicates)",
        )
    if document.phrase in stored.text:
        findings.add(
            document.title,
            saw="a chunk still holds the old text",
            want=f"no chunk with {document.phrase!r}",
            fix="overwrite chunks that exist and delete those with a higher ordinal",
        )
