import { execFile } from "node:child_process";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import type { Message } from "../../proxy/core/message.ts";
import { useFlow } from "../helpers/flow.ts";
import { offline } from "../helpers/processes.ts";

const flow = useFlow();
const script = resolve(import.meta.dirname, "../fixtures/python/clients.py");
/** Of the environment that has the Python server; without one, these tests are no part of the run. */
const python = join(dirname(process.env.PYTHON_LANGGRAPH ?? ""), "python");

describe.each(["sdk", "sdk-hang-up", "remote"])("Python's %s", (client) => {
  it.each(["text", "tools"])("is stopped in its %s, in two turns", async (place) => {
    const { thread_id: threadId } = await flow.client.threads.create();
    const prompts = ["first", "second", "last"].map((nth) => `${nth} ${place}, python ${client}`);
    for (const prompt of prompts) {
      const name = prompt.replace(/\W+/g, "_");
      const cut =
        place === "text"
          ? { text: ["Once ", "upon ", "a ", "time."], holdAfter: 3 }
          : { calls: [{ id: name, name: "probe", args: [JSON.stringify({ name })] }] };
      flow.model.script(prompt, prompt.startsWith("last") ? { text: ["Gladly."] } : cut);
    }
    const args = [script, client, flow.proxy.url, threadId, ...prompts];
    const { stdout } = await promisify(execFile)(python, args, { env: { ...process.env, ...offline } });
    const messages = JSON.parse(stdout) as Message[];
    const cut = place === "text" ? ["ai"] : ["ai", "tool"];
    expect(messages.map(({ type }) => type)).toEqual(["human", ...cut, "human", ...cut, "human", "ai"]);
    if (place === "text") expect([messages[1]?.content, messages[3]?.content]).toEqual(["Once upon a", "Once upon a"]);
    expect(new Set(messages.map(({ id }) => id)).size).toBe(messages.length);
    expect(messages.at(-1)?.content).toBe("Gladly.");
  });
});
