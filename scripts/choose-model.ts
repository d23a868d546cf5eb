import { startScriptedModel } from "./scripted-model.ts";

/** The model that the graphs talk to. */
export interface ChosenModel {
  /** For the person at the terminal, a line each. */
  description: string[];
  /** What the graphs need in their environment to reach it. */
  env: Record<string, string>;
}

/** The model that the environment names; the embedded scripted one, started, if it names none. */
export async function chooseModel(env: Record<string, string | undefined>): Promise<ChosenModel> {
  if (env.OPENAI_API_KEY || env.OPENAI_BASE_URL) {
    const model = env.OPENAI_MODEL || "the graphs' default model";
    return { description: [`${model}, at ${env.OPENAI_BASE_URL || "OpenAI"}`], env: {} };
  }
  const url = await startScriptedModel();
  return {
    description: [
      "scripted, embedded. Ask it anything, or to wait 20 seconds, or what 12 * (3 + 4) is.",
      "For a real one set OPENAI_API_KEY, or OPENAI_BASE_URL and OPENAI_MODEL, here or in .env",
    ],
    env: { OPENAI_BASE_URL: url, OPENAI_API_KEY: "none", OPENAI_MODEL: "scripted" },
  };
}
