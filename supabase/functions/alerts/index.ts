// GET /alerts?organization_id=…: open alerts of one organization with the rules that raised them.
// The caller's own token reads them, so row level security decides.

import { authenticate } from "../_shared/auth.ts";
import { select } from "../_shared/data.ts";
import { serve } from "../_shared/http.ts";
import { uuid } from "../_shared/input.ts";

type Row = {
  id: number;
  value: number;
  created_at: string;
  alert_rules: { name: string; metric: string; comparator: string; threshold: number };
};

serve({
  GET: async (request) => {
    const caller = await authenticate(request);
    const organization = uuid(new URL(request.url).searchParams.get("organization_id"), "organization_id");
    const rows = await select<Row>(caller, "alerts", {
      organization_id: `eq.${organization}`,
      status: "eq.open",
      select: "id,value,created_at,alert_rules!inner(name,metric,comparator,threshold)",
      order: "created_at.desc",
    });
    return Response.json({ alerts: rows.map(({ alert_rules, ...alert }) => ({ ...alert, rule: alert_rules })) });
  },
});
