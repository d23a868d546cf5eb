import type { Middleware } from "koa";
import { isObject } from "../core/message.ts";
import type { PassOn } from "../pass-on.ts";
import { readText } from "../read-body.ts";
import type { Services } from "../services.ts";
import { isStepwise, notDriven } from "../stepwise/step-body.ts";

/**
 * Runs without a thread, and crons, are the server's, and come back as they
 * are. Whoever relies on it that no step is cut is told that these are not
 * driven step by step: 400.
 */
export function runsNotDriven({ settings }: Services, passOn: PassOn): Middleware {
  return async function createElsewhere(ctx) {
    const text = await readText(ctx.req, settings.bodyLimit);
    if (asksForSteps(text)) throw notDriven();
    await passOn(ctx, { body: text });
  };
}

/** The body is a run, or a list of them; what is neither, is the server's to refuse. */
function asksForSteps(text: string): boolean {
  if (!text.includes('"stepwise"')) return false;
  try {
    const body: unknown = JSON.parse(text);
    return [body].flat().some((run) => isObject(run) && isStepwise(run));
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}
