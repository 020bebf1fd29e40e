// POST /cron/<job>: run one of the database's jobs now. For the scheduler only.

import { requireCronSecret } from "../_shared/auth.ts";
import { rpc } from "../_shared/data.ts";
import { Refusal, serve } from "../_shared/http.ts";

const JOBS = ["aggregate-metrics", "detect-anomalies", "check-alerts", "cleanup"];

serve({
  POST: async (request) => {
    requireCronSecret(request);
    const job = new URL(request.url).pathname.split("/").at(-1) ?? "";
    if (!JOBS.includes(job)) throw new Refusal(404, "not_found", `no such job; there are ${JOBS.join(", ")}`);
    return Response.json(await rpc("rpc_run_job", { p_job: job }));
  },
});
