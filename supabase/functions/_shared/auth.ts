// Who is calling: a signed-in member, the service, the scheduler, or nobody.

import { env } from "./env.ts";
import { Refusal } from "./http.ts";

export type Caller = { role: "member" | "service"; token: string };

/** Tell who sent the request; members are those whom Auth knows by their token. */
export async function authenticate(request: Request): Promise<Caller> {
  const token = bearer(request);
  if (sameSecret(token, env.serviceRoleKey)) return { role: "service", token };
  const answer = await fetch(`${env.url}/auth/v1/user`, {
    headers: { apikey: env.anonKey, Authorization: `Bearer ${token}` },
  });
  await answer.body?.cancel();
  if (!answer.ok) throw new Refusal(401, "unauthorized", "sign in, or use the service key");
  return { role: "member", token };
}

/** Let only the scheduler in. */
export function requireCronSecret(request: Request): void {
  if (!sameSecret(bearer(request), env.cronSecret)) {
    throw new Refusal(401, "unauthorized", "this is for the scheduler: Authorization: Bearer CRON_SECRET");
  }
}

function bearer(request: Request): string {
  const [scheme, token] = (request.headers.get("Authorization") ?? "").split(" ");
  if (scheme !== "Bearer" || !token) throw new Refusal(401, "unauthorized", "no Authorization: Bearer header");
  return token;
}

/** Compare without telling by the time it takes how much was right. */
function sameSecret(given: string, secret: string): boolean {
  const [left, right] = [given, secret].map((text) => new TextEncoder().encode(text));
  let difference = left.length ^ right.length;
  for (let at = 0; at < right.length; at++) difference |= (left[at] ?? 0) ^ right[at];
  return difference === 0;
}
