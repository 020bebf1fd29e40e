// Reading what callers send; every refusal names the field.

import { Refusal } from "./http.ts";

const UUID = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

export function invalid(field: string, want: string): Refusal {
  return new Refusal(400, "invalid_request", `${field}: ${want}`, field);
}

export async function jsonObject(request: Request): Promise<Record<string, unknown>> {
  const body = await request.json().catch(() => undefined);
  if (!isObject(body)) throw invalid("body", "a JSON object");
  return body;
}

export function uuid(value: unknown, field: string): string {
  if (typeof value !== "string" || !UUID.test(value)) throw invalid(field, "a UUID");
  return value;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
