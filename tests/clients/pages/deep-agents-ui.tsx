import { ChatView } from "./chat-view.tsx";
import { usePlainClient } from "./use-plain-client.ts";

/** Does what deep-agents-ui does: cancels, and reads nothing then. */
export function DeepAgentsUi() {
  return <ChatView {...usePlainClient({ cancels: true, rejoins: true })} />;
}
