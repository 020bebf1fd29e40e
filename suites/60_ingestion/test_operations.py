"""What the service tells those who run it."""

from shipworthy import mutates, needs
from shipworthy.probes.metrics import read_samples

WELL = {"ok", "up", "healthy", "pass", True}


@needs("ingestion.health")
def test_health_names_every_part(http, target, findings, evidence):
    """The health endpoint names each dependency and says how it is.

    Why: a health check that is a constant keeps traffic on an instance that can no longer do its work.
    Fix: let /healthz ask Supabase, the embeddings endpoint and Drive, and answer 503 where one fails.
    """
    answer = http.get(target.ingestion.health)
    assert answer.status_code == 200, f"it answered {answer.status_code} {answer.text[:300]}"
    health = answer.json()
    evidence.json("health", health)
    parts = health.get("parts") or health.get("checks") or health.get("dependencies") or {}
    for name in findings.over(target.ingestion.health_parts or parts, "parts"):
        part = parts.get(name)
        state = part.get("status") if isinstance(part, dict) else part
        if state not in WELL:
            findings.add(
                f"{name} in {target.ingestion.health}",
                saw=f"{state!r}" if name in parts else "it is not mentioned",
                want="ok, as asked just now",
                fix=f"ask {name} on every health request, and say what came of it under parts.{name}",
            )


@needs("ingestion.metrics", "supabase")
@mutates
def test_metrics_count_an_ingestion(ingestion, http, target, findings, evidence):
    """Ingesting a document moves the metrics that alerts are made from.

    Why: an alert on a counter that never moves is green for ever, also while nothing is ingested.
    Fix: count documents and time ingestion and embedding where that is done; serve it as Prometheus text.
    """
    before = read_samples(http, target.ingestion.metrics)
    assert before, f"{target.ingestion.metrics} has no samples"
    ingested = ingestion.bring()
    assert ingested.arrived, "control: the document must be ingested"
    after = read_samples(http, target.ingestion.metrics)
    evidence.json("metrics", {"before": before, "after": after})
    for name in findings.over(target.ingestion.moving_metrics or sorted(after), "metrics"):
        if name not in after:
            seen, fix = "there is no such sample", f"export {name}"
        elif target.ingestion.moving_metrics and after[name] <= before.get(name, 0.0):
            seen, fix = f"{after[name]:g} before and after", "move it where the work is done"
        else:
            continue
        findings.add(name, saw=seen, want="a higher value after a document was ingested", fix=fix)
