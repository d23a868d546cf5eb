import type { Exchange } from "./exchange.ts";

/** What an answer through the proxy may differ in, and why that is right. */
export interface Difference {
  why: string;
  /** Unless it is on both servers; or it comes and goes. */
  on?: "js" | "python" | "sometimes";
  /** The answers that it is about. */
  of(exchange: Exchange): boolean;
  /** Makes even what may differ; done to the answers of both sides. */
  even(exchange: Exchange): Exchange;
}

const isStream = ({ headers }: Exchange) => headers["content-type"]?.startsWith("text/event-stream") ?? false;

/** The requests that show what a run was created with, its debug events, or its checkpoints. */
const showsRun = /\/runs(\/|\?|$)|\/stream|\/history$|\/state(\/|\?|$)/;

const withHeader = (exchange: Exchange, name: string, value: string): Exchange => ({
  ...exchange,
  headers: { ...exchange.headers, [name]: value },
});

/** The differences there are, on both servers. Each has to be found somewhere, or it is one no more. */
export const differences: Difference[] = [
  {
    why: "pages may read where to rejoin, and a list's length and next page, whichever of them the server exposes",
    of: ({ headers }) => "access-control-expose-headers" in headers,
    even: (exchange) => withHeader(exchange, "access-control-expose-headers", "all that is read"),
  },
  {
    why: "runs can be read again, so frames have ids; where the server counts them, those held back count",
    of: isStream,
    even: (exchange) => ({ ...exchange, body: exchange.body.replace(/^id: [^\r\n]*\r?\n/gm, "") }),
  },
  {
    why: "a run carries which modes were added to it, that its stream can be read again, and that it starts at the head",
    of: ({ request }) => showsRun.test(request),
    even: (exchange) => ({ ...exchange, body: withoutAdditions(exchange.body) }),
  },
  {
    why: "x-auth-scheme is not passed on, so no run carries it",
    on: "sometimes",
    of: ({ body }) => body.includes('"x-auth-scheme"'),
    even: (exchange) => ({ ...exchange, body: exchange.body.replace(/,?"x-auth-scheme":"[^"]*"/g, "") }),
  },
  {
    why: "heartbeats come by the clock",
    on: "sometimes",
    of: isStream,
    even: (exchange) => ({ ...exchange, body: exchange.body.replaceAll(": heartbeat\r\n\r\n", "") }),
  },
  {
    why: "metrics count what was asked a moment ago",
    on: "sometimes",
    of: ({ request, status }) => request === "GET /metrics" && status === 200,
    even: (exchange) => ({ ...exchange, body: exchange.body.split(" ", 2).join(" ") }),
  },
  {
    why: "a redirect to the server's own address goes on through the proxy",
    on: "sometimes",
    of: ({ status, headers }) => status >= 300 && status < 400 && "location" in headers,
    even: (exchange) =>
      withHeader(exchange, "location", new URL(exchange.headers.location ?? "", "http://any").pathname),
  },
  {
    why: "modes go as a list, so the refusal of one that is none speaks of a list",
    on: "sometimes",
    of: ({ status, body }) => status >= 400 && body.includes("stream_mode"),
    even: (exchange) => ({ ...exchange, body: "no such mode" }),
  },
  {
    why: "a newline for each second that a client waits",
    on: "sometimes",
    of: ({ request }) => request.endsWith("/wait"),
    even: (exchange) => ({ ...exchange, body: exchange.body.trimStart() }),
  },
  {
    why: "a cancel answers with the text that was seen, where it answers with anything",
    on: "python",
    of: ({ request, status }) => /\/cancel\?wait=1/.test(request) && status === 200,
    even: (exchange) => ({ ...exchange, body: "the thread's values" }),
  },
  {
    why: "on the routes that are the proxy's own, ids are canonical UUIDs or 400",
    on: "sometimes",
    of: ({ request }) => ownRoute.test(request) && /\/(nonsense|%20)/.test(request),
    even: (exchange) => ({ ...exchange, status: 400, headers: {}, body: "no UUID" }),
  },
  {
    why: "a run is read in its caller's name before it is stopped or joined: if there is none, that answer is the answer",
    of: ({ request }) => /\/runs\/[0-9a-f-]{36}\/(cancel|stream|join)(\?|$)/.test(request),
    even: (exchange) =>
      /not found|No runs found/i.test(exchange.body) &&
      /^\s*(event: error|\{"(detail|__error__)"|(Run|Thread) )/.test(exchange.body)
        ? { ...exchange, status: 404, headers: {}, body: "no run" }
        : exchange,
  },
];

/** What the proxy looks into; the server's own spellings of the same routes, with a slash at the end, are passed on. */
const ownRoute = new RegExp(
  [
    "^POST /threads/[^/]+/(runs|runs/stream|runs/wait|commands|runs/[^/]+/cancel)",
    "^GET (/threads/[^/]+/stream|(/threads/[^/]+)?/runs/[^/]+/stream|/threads/[^/]+/runs/[^/]+/join)",
  ]
    .map((route) => `${route}(\\?|$)`)
    .join("|"),
);

/** JSON, or events with JSON, less what the proxy adds to a run. */
function withoutAdditions(body: string): string {
  return body
    .split("\n")
    .map((line) => {
      const [, field = "", json = "", end = ""] = /^(data: )?([[{].*?)(\r?)$/.exec(line) ?? [];
      return json ? field + JSON.stringify(less(JSON.parse(json))) + end : line;
    })
    .join("\n");
}

function less(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(less);
  if (typeof value !== "object" || value === null) return value;
  const { __fermata_added: _, checkpoint_id: checkpointId, ...rest } = value as Record<string, unknown>;
  const isKwargs = "resumable" in rest && "stream_mode" in rest;
  const kept = Object.entries(rest).filter(([key]) => !isKwargs || !["resumable", "stream_mode"].includes(key));
  const all = checkpointId == null ? kept : [...kept, ["checkpoint_id", checkpointId] as const];
  return Object.fromEntries(all.map(([key, inner]) => [key, less(inner)]).sort());
}

/** The exchanges, made even wherever they may differ. */
export function madeEven(exchanges: Exchange[], differing = differences): Exchange[] {
  return exchanges.map((exchange) =>
    differing.reduce((left, { of, even }) => (of(left) ? even(left) : left), exchange),
  );
}
