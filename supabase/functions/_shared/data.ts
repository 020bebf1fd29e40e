// The Data API, as the caller or as the service.

import { Caller } from "./auth.ts";
import { env } from "./env.ts";

const service: Caller = { role: "service", token: env.serviceRoleKey };

/** Read rows as the caller: row level security decides what there is. */
export function select<Row>(caller: Caller, table: string, query: Record<string, string>): Promise<Row[]> {
  return send(caller, `${table}?${new URLSearchParams(query)}`);
}

/** Write rows as the service, after the function has decided that the caller may. */
export async function insert(table: string, rows: object[]): Promise<void> {
  await send(service, table, rows);
}

/** Call a function of the database as the service. */
export function rpc<Result>(name: string, parameters: object): Promise<Result> {
  return send(service, `rpc/${name}`, parameters);
}

async function send<Result>(caller: Caller, path: string, body?: object): Promise<Result> {
  const answer = await fetch(`${env.url}/rest/v1/${path}`, {
    method: body ? "POST" : "GET",
    headers: {
      apikey: caller.role === "service" ? env.serviceRoleKey : env.anonKey,
      Authorization: `Bearer ${caller.token}`,
      "Content-Type": "application/json",
    },
    body: body && JSON.stringify(body),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${path.split("?")[0]} answered ${answer.status}: ${text}`);
  return JSON.parse(text || "null");
}
