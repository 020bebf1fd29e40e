"""Vectors for texts."""

import math

from shipworthy import needs
from shipworthy.probes.inference import EmbeddingList, length, nearness

TEXTS = (
    "The lighthouse keeper counts the ships.",
    "Invoices are paid within thirty days.",
    "Ein Leuchtturm steht am Meer → 灯台.",
    "Backups are restored once a month.",
)
NEAR = 0.9999
"""Cosine of two vectors that count as equal: half precision and batching move the last digits."""


def _vectors(reader, questions, endpoint, texts, **options):
    """Ask for vectors; give them in the order that the answer names, None where there are none."""
    subject = f"{endpoint.name} POST /v1/embeddings"
    answer = questions.ask(endpoint, "embeddings", input=list(texts), **options)
    found = reader.whole(EmbeddingList, answer, subject)
    if not found:
        return None
    try:
        return [item.vector for item in found.data]
    except ValueError as error:
        reader.findings.add(
            subject,
            saw=str(error),
            want="numbers, or base64 of little-endian 32-bit floats",
            fix="pack float32 values",
        )
        return None


@needs("inference.*.offers.embeddings")
def test_embeddings_match_the_contract(findings, reader, embedders, questions):
    """An answer holds one vector for each text, in order, of finite numbers, and says what it cost.

    Why: clients write the n-th vector beside the n-th text; a shifted list shows in bad search alone.
    Fix: answer {"object": "list", "model": …, "data": [{"object": "embedding", "index": n, "embedding": …}]}.
    """
    for promise in findings.over(embedders, "endpoints that embed"):
        endpoint = promise.endpoint
        subject = f"{endpoint.name} POST /v1/embeddings"
        answer = questions.ask(endpoint, "embeddings", input=list(TEXTS))
        found = reader.whole(EmbeddingList, answer, subject)
        for saw, want in _breaches(answer, found, endpoint) if found else ():
            findings.add(subject, saw=saw, want=want, fix="mend the field; one vector a text, in order")


def _breaches(answer, found, endpoint):
    if answer.media_type != "application/json":
        yield f"content type {answer.headers.get('content-type')!r}", "application/json"
    places = [item.index for item in found.data]
    if places != list(range(len(TEXTS))):
        yield f"index {places} for {len(TEXTS)} texts", f"{list(range(len(TEXTS)))}"
    if found.model != endpoint.model:
        yield f"embedded by model {found.model}", f"the model that was asked for, {endpoint.model}"
    usage = found.usage
    if not usage.prompt_tokens or usage.total_tokens != usage.prompt_tokens:
        yield f"usage {usage.prompt_tokens} and {usage.total_tokens} in total", "above 0, and both the same"


@needs("inference.*.embedding_dimensions")
def test_vectors_have_the_promised_dimension(findings, reader, embedders, questions):
    """Every vector has the promised number of dimensions.

    Why: a vector column has one dimension; others are refused, or compared with the wrong ones.
    Fix: serve the promised embedding model, or correct `embedding_dimensions`, the column and the index.
    """
    for promise in findings.over([e for e in embedders if e.section.embedding_dimensions], "endpoints"):
        promised = promise.section.embedding_dimensions
        vectors = _vectors(reader, questions, promise.endpoint, TEXTS) or []
        wrong = {len(vector) for vector in vectors} - {promised}
        if wrong:
            findings.add(
                promise.endpoint.name,
                saw=f"vectors of {', '.join(map(str, sorted(wrong)))} dimensions",
                want=f"{promised} dimensions",
                fix="serve the promised embedding model, or migrate the vectors that are stored",
            )


@needs("inference.*.embeddings_normalised")
def test_vectors_are_normalised(findings, reader, embedders, questions):
    """Every vector has length 1.

    Why: inner product is a measure of nearness for vectors of length 1 only; else long texts win.
    Fix: normalise in the server (sentence-transformers: normalize_embeddings), or use cosine distance.
    """
    for promise in findings.over([e for e in embedders if e.section.embeddings_normalised], "endpoints"):
        vectors = _vectors(reader, questions, promise.endpoint, TEXTS) or []
        for text, vector in zip(TEXTS, vectors, strict=False):
            if not math.isclose(length(vector), 1, abs_tol=0.01):
                findings.add(
                    f"{promise.endpoint.name}, vector of {text!r}",
                    saw=f"length {length(vector):.4f}",
                    want="length 1",
                    fix="divide each vector by its length in the server",
                )


@needs("inference.*.offers.embeddings")
def test_equal_texts_have_equal_vectors_and_others_do_not(findings, reader, embedders, questions):
    """A text has one vector, whenever it is asked for; another text has another.

    Why: documents are embedded today and questions tomorrow; they are compared as if by one model.
    Fix: switch dropout and sampling off (eval mode), and see that all replicas serve the same revision.
    """
    for promise in findings.over(embedders, "endpoints that embed"):
        endpoint = promise.endpoint
        first, again, other = (
            _vectors(reader, questions, endpoint, texts, time=time)
            for texts, time in ((TEXTS[:1], 1), (TEXTS[:1], 2), (TEXTS[1:2], 1))
        )
        if not (first and again and other):
            continue
        if nearness(first[0], again[0]) < NEAR:
            findings.add(
                f"{endpoint.name}, the same text twice",
                saw=f"two vectors, cosine {nearness(first[0], again[0]):.4f}",
                want="one vector",
                fix="make the model deterministic: eval mode, one revision on all replicas",
            )
        if nearness(first[0], other[0]) > NEAR:
            findings.add(
                f"{endpoint.name}, {TEXTS[0]!r} and {TEXTS[1]!r}",
                saw=f"one vector for both, cosine {nearness(first[0], other[0]):.4f}",
                want="two vectors",
                fix="see that the text reaches the model (tokenizer, pooling, input field)",
            )


@needs("inference.*.offers.embeddings")
def test_batches_keep_their_order(findings, reader, embedders, questions):
    """A text in a batch has the vector that it has alone, in its own place.

    Why: batches are sorted by length inside many servers; put back wrongly, documents swap their vectors.
    Fix: undo the sorting before the answer is built.
    """
    for promise in findings.over(embedders, "endpoints that embed"):
        endpoint = promise.endpoint
        batch = _vectors(reader, questions, endpoint, TEXTS)
        alone = [_vectors(reader, questions, endpoint, [text]) for text in TEXTS]
        if not batch or len(batch) != len(TEXTS) or not all(alone):
            continue  # the contract check reports it
        for place, (text, (own,)) in enumerate(zip(TEXTS, alone, strict=True)):
            nearest = max(range(len(batch)), key=lambda other, own=own: nearness(own, batch[other]))
            if nearness(own, batch[place]) < 0.999:
                findings.add(
                    f"{endpoint.name}, text {place + 1} of {len(TEXTS)}: {text!r}",
                    saw=f"cosine {nearness(own, batch[place]):.4f} with its vector alone; place "
                    f"{nearest + 1} is nearest, {nearness(own, batch[nearest]):.4f}",
                    want=f"its vector in place {place + 1}",
                    fix="put a sorted batch back in the order of the request",
                )


@needs("inference.*.offers.embeddings")
def test_floats_and_base64_agree(findings, reader, embedders, questions):
    """Asked for as base64, a vector holds the same numbers as asked for as floats.

    Why: the official clients ask for base64 unless told otherwise; read wrongly it is noise.
    Fix: encode little-endian 32-bit floats.
    """
    for promise in findings.over(embedders, "endpoints that embed"):
        endpoint = promise.endpoint
        floats = _vectors(reader, questions, endpoint, TEXTS[:1], encoding_format="float")
        packed = _vectors(reader, questions, endpoint, TEXTS[:1], encoding_format="base64")
        if floats and packed and nearness(floats[0], packed[0]) < NEAR:
            findings.add(
                f"{endpoint.name}, encoding_format base64",
                saw=f"{len(packed[0])} numbers, cosine {nearness(floats[0], packed[0]):.4f} with the "
                f"{len(floats[0])} floats",
                want="the same vector",
                fix="encode little-endian 32-bit floats, not doubles or halves",
            )
