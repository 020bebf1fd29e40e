// POST /ingest: a batch of measurements of one organization becomes rows of `metrics`.
// For the service, and for members of that organization.

import { authenticate, Caller } from "../_shared/auth.ts";
import { insert, select } from "../_shared/data.ts";
import { Refusal, serve } from "../_shared/http.ts";
import { invalid, isObject, jsonObject, uuid } from "../_shared/input.ts";

const LARGEST_BATCH = 1000;

type Metric = { name: string; value: number; labels: object; recorded_at: string };

serve({
  POST: async (request) => {
    const caller = await authenticate(request);
    const body = await jsonObject(request);
    const organization_id = uuid(body.organization_id, "organization_id");
    const metrics = readMetrics(body.metrics);
    await requireMembership(caller, organization_id);
    await insert("metrics", metrics.map((metric) => ({ organization_id, ...metric })));
    return Response.json({ accepted: metrics.length }, { status: 201 });
  },
});

async function requireMembership(caller: Caller, organization: string): Promise<void> {
  if (caller.role === "service") return;
  const found = await select(caller, "organizations", { id: `eq.${organization}`, select: "id" });
  if (!found.length) throw new Refusal(403, "forbidden", "not a member of this organization", "organization_id");
}

function readMetrics(value: unknown): Metric[] {
  if (!Array.isArray(value) || !value.length || value.length > LARGEST_BATCH) {
    throw invalid("metrics", `1 to ${LARGEST_BATCH} measurements`);
  }
  return value.map((item, at) => readMetric(item, `metrics[${at}]`));
}

function readMetric(item: unknown, field: string): Metric {
  if (!isObject(item)) throw invalid(field, "an object");
  const { name, value, labels = {}, recorded_at = new Date().toISOString() } = item;
  if (typeof name !== "string" || !/^[a-z][a-z0-9_.]{0,99}$/.test(name)) {
    throw invalid(`${field}.name`, "lower-case letters, digits, dots and underscores");
  }
  if (typeof value !== "number" || !Number.isFinite(value)) throw invalid(`${field}.value`, "a finite number");
  if (!isObject(labels)) throw invalid(`${field}.labels`, "an object");
  if (typeof recorded_at !== "string" || Number.isNaN(Date.parse(recorded_at))) {
    throw invalid(`${field}.recorded_at`, "a time, as in 2026-01-31T12:00:00Z");
  }
  return { name, value, labels, recorded_at };
}
