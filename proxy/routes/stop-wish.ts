import { z } from "zod";
import { ProxyError } from "../errors.ts";
import { asObject } from "../read-body.ts";
import { uuid } from "./ids.ts";

const schema = z.strictObject({
  action: z.enum(["interrupt", "rollback"]).default("interrupt"),
  keep: z.enum(["partial", "nothing"]).default("partial"),
  when: z.enum(["now", "after-step"]).default("now"),
  scope: z.enum(["run", "thread"]).optional(),
  run_id: z.string().regex(uuid, "must be a UUID").optional(),
  dismiss: z.boolean().default(false),
});

type Body = z.infer<typeof schema>;

/** What a caller asks of `POST /threads/:thread_id/stop`. A run's id means that run alone. */
export type StopWish = Body & { scope: "run" | "thread" };

/** Pairs that make no sense together: the field that is too much, the one it contradicts, and why. */
const contradictions: { field: keyof Body; other: keyof Body; why: string; isIn(body: Body): boolean }[] = [
  {
    field: "scope",
    other: "run_id",
    why: "a run's id means that run alone",
    isIn: ({ scope, run_id }) => scope === "thread" && run_id !== undefined,
  },
  {
    field: "dismiss",
    other: "run_id",
    why: "what waits for an approval is the thread's turn, not a run",
    isIn: ({ dismiss, run_id }) => dismiss && run_id !== undefined,
  },
  {
    field: "dismiss",
    other: "scope",
    why: "what waits for an approval is the thread's turn, not a run",
    isIn: ({ dismiss, scope }) => dismiss && scope === "run",
  },
  {
    field: "dismiss",
    other: "when",
    why: "a turn that waits for an approval has no step that runs",
    isIn: ({ dismiss, when }) => dismiss && when === "after-step",
  },
  {
    field: "dismiss",
    other: "action",
    why: "a turn is either closed where it stands or taken back",
    isIn: ({ dismiss, action }) => dismiss && action === "rollback",
  },
  {
    field: "when",
    other: "action",
    why: "a step that is to be taken back need not be waited for",
    isIn: ({ when, action }) => when === "after-step" && action === "rollback",
  },
];

/**
 * An empty body is an empty wish. Throws `ProxyError` 400 that names the field
 * that is wrong, and the one it contradicts.
 */
export function parseWish(text: string): StopWish {
  const body = text.trim() === "" ? {} : asObject(text);
  if (!body) throw new ProxyError(400, "bad_request", "The body must be a JSON object.", { field: "body" });
  const { data, error } = schema.safeParse(body);
  if (!data) throw notAsAgreed(error.issues[0]);
  const wrong = contradictions.find(({ isIn }) => isIn(data));
  if (!wrong) return { ...data, scope: data.scope ?? (data.run_id ? "run" : "thread") };
  const { field, other, why } = wrong;
  throw new ProxyError(400, "bad_request", `${said(data, field)} contradicts ${said(data, other)}: ${why}.`, { field });
}

const said = (body: Body, field: keyof Body) => `${field}: ${JSON.stringify(body[field])}`;

function notAsAgreed(issue: z.core.$ZodIssue | undefined): ProxyError {
  const unknown = issue?.code === "unrecognized_keys" ? issue.keys[0] : undefined;
  const field = unknown ?? issue?.path.join(".") ?? "body";
  const message = unknown ? `${field} is not a field of a stop.` : `${field}: ${issue?.message}`;
  return new ProxyError(400, "bad_request", message, { field });
}
