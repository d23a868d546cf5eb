import { ChatView } from "./chat-view.tsx";
import { usePlainClient } from "./use-plain-client.ts";

/** Does what deep-agents-ui does: cancels, and reads nothing then. */
export function DeepAgentsUi() {
  const { edit: _edit, ...chat } = usePlainClient({ cancels: true, rejoins: true });
  return <ChatView {...chat} />;
}
