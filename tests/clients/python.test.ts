import { execFile } from "node:child_process";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it, vi } from "vitest";
import { type Message, textOf } from "../../proxy/core/message.ts";
import { useFlow } from "../helpers/flow.ts";
import { offline } from "../helpers/processes.ts";

const flow = useFlow();
const script = resolve(import.meta.dirname, "../fixtures/python/clients.py");
/** Of the environment that has the Python server; without one, these tests are no part of the run. */
const python = join(dirname(process.env.PYTHON_LANGGRAPH ?? ""), "python");

const thread = async () => (await flow.client.threads.create()).thread_id;

/** Lets the client of this kind talk; what its thread holds then. */
async function talk(kind: string, happening: string, prompts: string[], on?: string): Promise<Message[]> {
  const threadId = on ?? (await thread());
  const args = [script, kind, happening, flow.proxy.url, threadId, ...prompts];
  const options = { env: { ...process.env, ...offline }, timeout: 50_000 };
  const { stdout } = await promisify(execFile)(python, args, options);
  const messages = JSON.parse(stdout) as Message[];
  expect(new Set(messages.map(({ id }) => id)).size).toBe(messages.length);
  return messages;
}

const held = { text: ["Once ", "upon ", "a ", "time."], holdAfter: 3 };
const gladly = { text: ["Gladly."] };
const said = (messages: Message[]) => messages.map(({ type, content }) => `${type}: ${textOf(content)}`);

const kinds = ["sdk", "sdk-hang-up", "remote", "remote-hang-up"];

describe.each(kinds.flatMap((kind) => [kind, `${kind}-sync`]))("Python's %s", (kind) => {
  const promptsOf = (what: string, ...nth: string[]) => nth.map((one) => `${one} ${what}, python ${kind}`);

  it.each(["text", "tools"])("is stopped in its %s, in two turns", async (place) => {
    const prompts = promptsOf(place, "first", "second", "last");
    for (const prompt of prompts) {
      const name = prompt.replace(/\W+/g, "_");
      const cut = place === "text" ? held : { calls: [{ id: name, name: "probe", args: [JSON.stringify({ name })] }] };
      flow.model.script(prompt, prompt.startsWith("last") ? gladly : cut);
    }
    const messages = await talk(kind, "stopped", prompts);
    const cut = place === "text" ? ["ai"] : ["ai", "tool"];
    expect(messages.map(({ type }) => type)).toEqual(["human", ...cut, "human", ...cut, "human", "ai"]);
    if (place === "text") expect(said(messages).filter((line) => line === "ai: Once upon a")).toHaveLength(2);
    expect(messages.at(-1)?.content).toBe("Gladly.");
  });

  it("leaves, comes back, and is stopped then, or was stopped by it", async () => {
    const [first = "", last = ""] = promptsOf("back", "first", "last");
    flow.model.script(first, held);
    flow.model.script(last, gladly);
    const lines = [`human: ${first}`, "ai: Once upon a", `human: ${last}`, "ai: Gladly."];
    expect(said(await talk(kind, "back", [first, last]))).toEqual(lines);
  });

  it("has a second reader", async () => {
    const [first = "", last = ""] = promptsOf("two", "first", "last");
    flow.model.script(first, held);
    flow.model.script(last, gladly);
    const lines = [`human: ${first}`, "ai: Once upon a", `human: ${last}`, "ai: Gladly."];
    expect(said(await talk(kind, "two", [first, last]))).toEqual(lines);
  });

  it("is sent a message while it streams: that waits for its turn", async () => {
    const [first = "", second = "", last = ""] = promptsOf("meanwhile", "first", "second", "last");
    const script = flow.model.script(first, held);
    for (const prompt of [second, last]) flow.model.script(prompt, gladly);
    const threadId = await thread();
    const talking = talk(kind, "meanwhile", [first, second, last], threadId);
    await vi.waitUntil(async () => (await flow.direct.runs.list(threadId)).length === 2, 15_000);
    (await script.call(0)).release();
    const lines = [first, second, last].flatMap((prompt) => [`human: ${prompt}`, "ai: Gladly."]);
    lines[1] = "ai: Once upon a time.";
    expect(said(await talking)).toEqual(lines);
  });
});
