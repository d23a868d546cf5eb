import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type FixtureBlock, LLMock } from "@copilotkit/aimock";
import { scriptedReply } from "./scripted-reply.ts";

const directory = join(import.meta.dirname, "prose");
const essays = readdirSync(directory)
  .sort()
  .map((file) => readFileSync(join(directory, file), "utf8").trim());

/** A little longer than any token: the server would cut a longer one by code units, which tears characters apart. */
const longestToken = 32;

/**
 * Starts an OpenAI-compatible model on loopback that says what is scripted, at a readable pace.
 *
 * Returns its base URL. It ends with this process.
 */
export async function startScriptedModel(): Promise<string> {
  const model = new LLMock({ host: "127.0.0.1", port: 0, chunkSize: longestToken, journalMaxEntries: 1 });
  model.on(
    { endpoint: "chat" },
    ({ messages, tools }) => {
      const { text, calls } = scriptedReply(
        messages,
        (tools ?? []).map((tool) => tool.function.name),
        essays,
      );
      const blocks: FixtureBlock[] = tokens(text).map((token) => ({ type: "text", text: token }));
      for (const { name, args } of calls) blocks.push({ type: "toolCall", name, arguments: JSON.stringify(args) });
      return { blocks };
    },
    // In milliseconds, and in tokens a second.
    { streamingProfile: { ttft: 400, tps: 25, jitter: 0.4 } },
  );
  await model.start();
  return `${model.url}/v1`;
}

/** About as long as a model's, and never half a character. */
const tokens = (text: string): string[] => text.match(/\s*\S{1,6}/gu) ?? [];
