// What every function does with a request: CORS, methods, JSON answers, errors that name the field.

const allowedOrigins = (Deno.env.get("ALLOWED_ORIGINS") ?? "").split(",").filter(Boolean);

/** An answer other than success; thrown anywhere, sent by `serve`. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly field?: string,
  ) {
    super(message);
  }
}

export type Handler = (request: Request) => Promise<Response>;

/** Serve one function: `handlers` maps each allowed method to what it does. */
export function serve(handlers: Record<string, Handler>): void {
  Deno.serve(async (request) => {
    const answer = await respond(request, handlers);
    for (const [name, value] of corsHeaders(request)) answer.headers.set(name, value);
    return answer;
  });
}

async function respond(request: Request, handlers: Record<string, Handler>): Promise<Response> {
  const allow = [...Object.keys(handlers), "OPTIONS"].join(", ");
  if (request.method === "OPTIONS") return new Response(null, { status: 204, headers: { Allow: allow } });
  try {
    const handler = handlers[request.method];
    if (!handler) throw new Refusal(405, "method_not_allowed", `${request.method} is not allowed here`);
    return await handler(request);
  } catch (error) {
    const refusal = error instanceof Refusal ? error : unexpected(error);
    const { code, message, field } = refusal;
    const headers = refusal.status === 405 ? { Allow: allow } : undefined;
    return Response.json({ error: { code, message, field } }, { status: refusal.status, headers });
  }
}

/** Only declared origins are named; `Vary` keeps caches from mixing them up. */
function corsHeaders(request: Request): [string, string][] {
  const origin = request.headers.get("Origin");
  const headers: [string, string][] = [["Vary", "Origin"]];
  if (origin && allowedOrigins.includes(origin)) {
    headers.push(
      ["Access-Control-Allow-Origin", origin],
      ["Access-Control-Allow-Headers", "authorization, apikey, content-type, x-client-info"],
      ["Access-Control-Allow-Methods", "GET, POST, OPTIONS"],
    );
  }
  return headers;
}

/** The caller learns that it failed, the log learns why. */
function unexpected(error: unknown): Refusal {
  console.error(error);
  return new Refusal(500, "internal", "the function failed; its log says why");
}
