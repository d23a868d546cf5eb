import { createDeepAgent } from "deepagents";
import { model } from "./model.ts";
import { prompt } from "./prompt.ts";
import { tools } from "./tools.ts";

/** The same tools behind planning, a virtual file system and subagents; each call is a task of its own. */
export const graph = createDeepAgent({ model, tools, systemPrompt: prompt });
