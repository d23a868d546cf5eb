import { ChatOpenAI } from "@langchain/openai";

/**
 * The chat model both graphs talk to.
 *
 * Shape: an OpenAI-compatible chat model, chosen by `OPENAI_MODEL`,
 * `OPENAI_BASE_URL` and `OPENAI_API_KEY`. Servers on one's own machine
 * (Ollama, vLLM, llama.cpp) want no key, but the client insists on one.
 */
export const model = new ChatOpenAI({
  model: process.env.OPENAI_MODEL || "gpt-4o-mini",
  apiKey: process.env.OPENAI_API_KEY || "none",
  configuration: { baseURL: process.env.OPENAI_BASE_URL || undefined },
});
