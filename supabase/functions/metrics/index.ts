// GET /metrics?organization_id=…&name=…&limit=…: rollups of one organization, the newest first.
// The caller's own token reads them, so row level security decides.

import { authenticate } from "../_shared/auth.ts";
import { select } from "../_shared/data.ts";
import { serve } from "../_shared/http.ts";
import { invalid, uuid } from "../_shared/input.ts";

const COLUMNS = "name,bucket,samples,minimum,maximum,average";
const MOST = 1000;

serve({
  GET: async (request) => {
    const caller = await authenticate(request);
    const asked = new URL(request.url).searchParams;
    const name = asked.get("name");
    const query: Record<string, string> = {
      organization_id: `eq.${uuid(asked.get("organization_id"), "organization_id")}`,
      select: COLUMNS,
      order: "bucket.desc,name.asc",
      limit: String(readLimit(asked.get("limit"))),
      ...(name && { name: `eq.${name}` }),
    };
    return Response.json({ rollups: await select(caller, "metric_rollups", query) });
  },
});

function readLimit(text: string | null): number {
  const limit = Number(text ?? 100);
  if (!Number.isInteger(limit) || limit < 1 || limit > MOST) throw invalid("limit", `1 to ${MOST}`);
  return limit;
}
