import { z } from "zod";

const url = z
  .url({ protocol: /^https?$/, error: "must be an http or https URL" })
  .transform((value) => value.replace(/\/+$/, ""));

/** Origins as browsers send them, with commas between; `*` stands for all. */
const origins = z
  .string()
  .transform((list) => list.split(",").map((origin) => origin.trim()))
  .refine((list) => list.every((origin) => origin === "*" || isOrigin(origin)), {
    error: "must be origins such as https://app.example.com, with commas between",
  });

const isOrigin = (text: string) => URL.canParse(text) && new URL(text).origin === text;

const schema = z.object({
  LANGGRAPH_API_URL: url.default("http://127.0.0.1:2024"),
  LANGGRAPH_API_KEY: z.string().optional(),
  HOST: z.string().default("127.0.0.1"),
  PORT: z.coerce.number({ error: "must be a number" }).int().min(0).max(65535).default(8000),
  CORS_ORIGINS: origins.optional(),
  BODY_LIMIT: z.coerce
    .number({ error: "must be a number of bytes" })
    .int()
    .positive()
    .default(64 * 1024 * 1024),
  ON_DISCONNECT: z.enum(["respect", "stop", "continue"]).default("respect"),
  REJOIN_GRACE: z.coerce.number({ error: "must be a number of seconds" }).min(0).max(60).default(1.5),
  MULTITASK_DEFAULT: z.enum(["upstream", "interrupt", "rollback", "enqueue", "reject"]).default("upstream"),
  MESSAGES_KEY: z.string().default("messages"),
  REPLAY_WINDOW: z.coerce.number({ error: "must be a number of seconds" }).positive().default(120),
  TOOL_EVENTS: z.enum(["on", "off"]).default("off"),
  HEAL: z.enum(["on", "off"]).default("on"),
  LOG_LEVEL: z.enum(["fatal", "error", "warn", "info", "debug", "silent"]).default("info"),
});

/** How the proxy is set up; `.env.example` says what each means. */
export interface Settings {
  /** The LangGraph server's base URL, without a slash at the end. */
  upstreamUrl: string;
  /** Sent as `x-api-key` for callers that bring no credentials. */
  upstreamKey?: string;
  host: string;
  port: number;
  /** Whose pages may use the proxy; undefined: whom the server lets. */
  corsOrigins?: string[];
  /** The largest body of a run creation, in bytes. */
  bodyLimit: number;
  /** What a reader's hang-up means: what the run was created with, always Stop, or never. */
  onDisconnect: "respect" | "stop" | "continue";
  /** How long a reader that has hung up may take to come back before it is taken for a Stop, in milliseconds. */
  rejoinGrace: number;
  /** The strategy of runs that name none; undefined: the server's. */
  multitaskDefault?: "interrupt" | "rollback" | "enqueue" | "reject";
  /** The key of the conversation in the graphs' state. */
  messagesKey: string;
  /** How far back the server can replay a run's stream, in milliseconds. */
  replayWindow: number;
  /** Where the server has no `tools` mode, runs get the costly `events`, so that the fate of each tool call is known. */
  toolEvents: boolean;
  /** Threads that were cut behind the proxy's back are mended before the next message. */
  heal: boolean;
  logLevel: string;
}

/** Reads the settings off the environment; throws one sentence that names each variable that is wrong. */
export function readSettings(env: Record<string, string | undefined>): Settings {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ""));
  const { data, error } = schema.safeParse(given);
  if (error) {
    throw new Error(error.issues.map(({ path, message }) => `${path.join(".")} ${message}.`).join(" "));
  }
  return {
    upstreamUrl: data.LANGGRAPH_API_URL,
    upstreamKey: data.LANGGRAPH_API_KEY,
    host: data.HOST,
    port: data.PORT,
    corsOrigins: data.CORS_ORIGINS,
    bodyLimit: data.BODY_LIMIT,
    onDisconnect: data.ON_DISCONNECT,
    rejoinGrace: data.REJOIN_GRACE * 1000,
    multitaskDefault: data.MULTITASK_DEFAULT === "upstream" ? undefined : data.MULTITASK_DEFAULT,
    messagesKey: data.MESSAGES_KEY,
    replayWindow: data.REPLAY_WINDOW * 1000,
    toolEvents: data.TOOL_EVENTS === "on",
    heal: data.HEAL === "on",
    logLevel: data.LOG_LEVEL,
  };
}

/** Adds what `.env` in the working directory says and the environment doesn't. */
export function loadEnvFile(): void {
  try {
    process.loadEnvFile();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

/** The environment of this process, `.env` included: the only place where it is read. */
export function environment(): Record<string, string | undefined> {
  loadEnvFile();
  return process.env;
}
