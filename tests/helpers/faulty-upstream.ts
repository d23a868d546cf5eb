import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type Fault, passedOn } from "./faults.ts";
import { type Gate, gate } from "./gate.ts";

/** A fault that has been set up. */
export interface Rule {
  /** How many requests it was applied to. */
  readonly applied: number;
  /** From now on it applies no more. */
  end(): void;
}

/**
 * A reverse proxy before a real LangGraph server that misbehaves as it is
 * told. A call is written as method and path without query, with `:name` for
 * any one segment: `POST /threads/:t/state`.
 */
export interface FaultyUpstream {
  url: string;
  /** Does this to the next `times` of these calls, after `after` of them that go well. */
  fault(call: string, fault: Fault, options?: { times?: number; after?: number }): Rule;
  /** Resolves when `nth` of these calls have come, counted from the start. */
  came(call: string, nth?: number): Promise<void>;
  /** How many of these calls have come. */
  count(call: string): number;
  /** How many of which calls have come that concern this thread. */
  callsOf(threadId: string): Record<string, number>;
  /** Refuses connections and closes those there are, until `back`. */
  leave(): void;
  back(): Promise<void>;
  close(): void;
}

interface Armed {
  call: RegExp;
  fault: Fault;
  after: number;
  left: number;
  applied: number;
}

export async function startFaultyUpstream(target: string): Promise<FaultyUpstream> {
  const rules: Armed[] = [];
  const requests: string[] = [];
  const awaited = new Set<{ call: RegExp; nth: number; gate: Gate }>();
  const agent = new Agent({ keepAlive: true });
  const server = createServer((incoming, response) => {
    // Whoever has left, the caller or the server, takes the other along.
    take(incoming, response).catch(() => response.destroy());
  });
  const listen = (port: number) => new Promise<void>((done) => void server.listen(port, "127.0.0.1", done));
  await listen(0);
  const { port } = server.address() as AddressInfo;

  const countOf = (call: RegExp) => requests.filter((came) => call.test(came)).length;
  const leave = () => {
    server.close();
    server.closeAllConnections();
  };

  async function take(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const body: Buffer[] = [];
    for await (const chunk of incoming) body.push(chunk as Buffer);
    const came = `${incoming.method} ${incoming.url?.split("?")[0]}`;
    requests.push(came);
    for (const { call, nth, gate } of awaited) if (countOf(call) >= nth) gate.open();
    const { connection: _own, ...headers } = incoming.headers;
    const carryOut = () =>
      new Promise<IncomingMessage>((answered, failed) => {
        const onward = request(target + incoming.url, { method: incoming.method, headers, agent });
        onward.once("response", answered).once("error", failed);
        response.once("close", () => response.writableFinished || onward.destroy());
        onward.end(Buffer.concat(body));
      });
    await (faultFor(rules, came) ?? passedOn)({ response, carryOut, leave });
  }

  return {
    url: `http://127.0.0.1:${port}`,
    fault(call, fault, { times = 1, after = 0 } = {}) {
      const rule: Armed = { call: patternOf(call), fault, after, left: times, applied: 0 };
      rules.push(rule);
      return {
        get applied() {
          return rule.applied;
        },
        end() {
          rule.left = 0;
        },
      };
    },
    async came(call, nth = 1) {
      const wait = { call: patternOf(call), nth, gate: gate() };
      awaited.add(wait);
      if (countOf(wait.call) >= nth) wait.gate.open();
      await wait.gate.opened;
      awaited.delete(wait);
    },
    count: (call) => countOf(patternOf(call)),
    callsOf(threadId) {
      const calls: Record<string, number> = {};
      for (const came of requests.filter((came) => came.includes(`/threads/${threadId}`))) {
        const call = came.replace(threadId, ":t").replace(/\/runs\/[0-9a-f-]{36}/, "/runs/:r");
        calls[call] = (calls[call] ?? 0) + 1;
      }
      return calls;
    },
    leave,
    back: () => listen(port),
    close() {
      leave();
      agent.destroy();
    },
  };
}

/** What the first rule that is armed for this call does to it; counts down every one that it concerns. */
function faultFor(rules: Armed[], came: string): Fault | undefined {
  const rule = rules.find(({ call, left, after }) => left > 0 && call.test(came) && after === 0);
  for (const waiting of rules) if (waiting.after > 0 && waiting.call.test(came)) waiting.after -= 1;
  if (!rule) return undefined;
  rule.left -= 1;
  rule.applied += 1;
  return rule.fault;
}

function patternOf(call: string): RegExp {
  return new RegExp(`^${call.replaceAll(/:[a-z]+/g, "[^/]+")}$`);
}
