import type { Message } from "@langchain/langgraph-sdk";
import { ChatView, EditButton } from "./chat-view.tsx";
import { usePlainClient } from "./use-plain-client.ts";

/** Does what agent-chat-ui does: its Stop merely leaves, and open tool calls get an invented answer with the next message; a message can be edited. */
export function AgentChatUi() {
  const { edit, ...chat } = usePlainClient({ cancels: false, rejoins: false, invent: answersFor });
  return <ChatView {...chat} editor={(message, draft) => <EditButton edit={() => edit(message, draft)} />} />;
}

/** An answer for each message whose calls have none right behind it. */
function answersFor(messages: Message[]): Message[] {
  return messages.flatMap((message, at) => {
    if (message.type !== "ai" || !message.tool_calls?.length || messages[at + 1]?.type === "tool") return [];
    return message.tool_calls.map(({ id, name }) => ({
      type: "tool" as const,
      tool_call_id: id ?? "",
      id: `do-not-render-${crypto.randomUUID()}`,
      name,
      content: "Successfully handled tool call.",
    }));
  });
}
