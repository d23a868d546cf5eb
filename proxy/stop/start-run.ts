import type { IncomingHttpHeaders } from "node:http";
import { setTimeout as later } from "node:timers/promises";
import { isObject } from "../core/message.ts";
import { callerOf } from "../credentials.ts";
import { UpstreamAnswer } from "../errors.ts";
import { asObject, asText } from "../read-body.ts";
import type { Services } from "../services.ts";
import { keyed, type RunBody, snapshotKey } from "../sse/modes.ts";
import { isStepwise, notDriven } from "../stepwise/step-body.ts";
import { callersRequest, clientFor, upstreamFetch } from "../upstream.ts";
import { beforeRun } from "./before-run.ts";
import { Creation } from "./creation.ts";
import { isDoubleTexting } from "./double-texting.ts";
import { listRuns } from "./list-runs.ts";
import { isTerminal } from "./settle.ts";

/** A server that has not answered by then makes the run wait for another's end; it is asked for the run as often, in milliseconds. */
const promptly = 200;

/** A command of the v2 protocol that starts a run: with a message, or with the answer to a question. */
export interface RunCommand {
  method: "run.start" | "input.respond";
  params: RunBody;
  [field: string]: unknown;
}

/** Whether it is one; without parameters it is the server's to refuse. */
export const startsRun = (command: Record<string, unknown> | undefined): command is RunCommand =>
  (command?.method === "run.start" || command?.method === "input.respond") && isObject(command.params);

/** Who starts a run, and where. */
export interface Starter {
  caller: IncomingHttpHeaders;
  threadId: string;
  /** The caller's own query, with its question mark. */
  search: string;
  /** It has left meanwhile. */
  gone(): boolean;
}

/**
 * Starts a run of the v2 protocol, over `POST …/commands`, after the stops
 * under way and on a thread that is mended. Resolves when it is sent, to what
 * will be answered; to nothing if its caller has left before. Throws
 * `ProxyError` 400 for a run that is to be driven step by step: these aren't.
 */
export async function startRun(services: Services, starter: Starter, command: RunCommand) {
  const { threadId, caller } = starter;
  if (isStepwise(command.params)) throw notDriven();
  const creation = await Creation.begin(services.threads, threadId, callerOf(caller));
  try {
    if (starter.gone()) return void creation.done();
    const { method, params } = command;
    const isAnswer = method === "input.respond";
    // The server's own default for these is to wait for its turn; and an answer takes nobody's place.
    const own = isAnswer ? undefined : (params.multitaskStrategy ?? services.settings.multitaskDefault);
    const strategy = own ?? "enqueue";
    const wanted = { ...params, multitask_strategy: strategy };
    const { run } = await beforeRun(services, caller, threadId, wanted, creation);
    if (starter.gone()) return void creation.done();
    // What has come in between is not to be cut, but waited for.
    const multitaskStrategy = isDoubleTexting(run) ? "enqueue" : strategy;
    const asked = { ...run, multitask_strategy: params.multitask_strategy };
    const { body, key } = keyed(isAnswer ? asked : { ...asked, multitaskStrategy });
    const answer = send(services, starter, { ...command, params: body });
    void idOf(services, starter, key, answer).then((runId) => {
      creation.done(runId);
      if (runId) services.snapshots.watch(caller, threadId, runId);
    });
    return { answer };
  } catch (error) {
    creation.done();
    throw error;
  }
}

async function send({ upstream }: Services, { caller, threadId, search }: Starter, command: RunCommand) {
  const { headers, body } = callersRequest(caller, upstream, asText(command));
  const answer = await upstreamFetch(`${upstream.url}/threads/${threadId}/commands${search}`, {
    method: "POST",
    // A socket's caller names no type.
    headers: { "content-type": "application/json", ...headers },
    body,
  });
  return new UpstreamAnswer(answer.status, await answer.text(), answer.headers);
}

/** The run's id as soon as there is one: servers answer only when the runs before it have ended, and some answers don't name it. */
async function idOf(
  services: Services,
  starter: Starter,
  key: string | undefined,
  answer: Promise<UpstreamAnswer>,
): Promise<string | undefined> {
  const answered = answer.then(
    ({ body }) => ({ runId: runIdIn(body), isSuccess: asObject(body)?.type === "success" }),
    () => ({ runId: undefined, isSuccess: false }),
  );
  for (;;) {
    const told = await Promise.race([answered, later(promptly)]);
    const found = told?.runId || told?.isSuccess === false ? told : await activeRun(services, starter, key);
    if (told || found) return found?.runId;
  }
}

/** The run with this key, if the thread has it already, and still. */
async function activeRun({ upstream, log }: Services, { caller, threadId }: Starter, key: string | undefined) {
  const client = clientFor(caller, upstream);
  try {
    for (const { run_id: runId, status } of await listRuns(client, threadId)) {
      if (isTerminal({ status })) continue;
      if (snapshotKey(await client.runs.get(threadId, runId)) === key) return { runId };
    }
    return undefined;
  } catch (error) {
    log.warn({ err: error, thread_id: threadId }, "can't tell whether a run has been created");
    return { runId: undefined };
  }
}

/** The id of the run that the server's answer says it has started. */
function runIdIn(answer: string): string | undefined {
  const result = asObject(answer)?.result;
  return isObject(result) && typeof result.run_id === "string" ? result.run_id : undefined;
}
