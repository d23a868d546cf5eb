import { SystemMessage } from "@langchain/core/messages";
import type { RunnableConfig } from "@langchain/core/runnables";
import { MessagesAnnotation, START, StateGraph } from "@langchain/langgraph";
import { ToolNode, toolsCondition } from "@langchain/langgraph/prebuilt";
import { model } from "./model.ts";
import { prompt } from "./prompt.ts";
import { tools } from "./tools.ts";

const modelWithTools = model.bindTools(tools);

async function agent(state: typeof MessagesAnnotation.State, config: RunnableConfig) {
  const reply = await modelWithTools.invoke([new SystemMessage(prompt), ...state.messages], config);
  return { messages: [reply] };
}

/** A ReAct agent: `agent` answers or calls tools, `tools` runs all calls of a reply in one task. */
export const graph = new StateGraph(MessagesAnnotation)
  .addNode("agent", agent)
  .addNode("tools", new ToolNode(tools))
  .addEdge(START, "agent")
  .addConditionalEdges("agent", toolsCondition, ["tools", "__end__"])
  .addEdge("tools", "agent")
  .compile();
