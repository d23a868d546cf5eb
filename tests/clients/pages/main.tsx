import type { ReactNode } from "react";
import { createRoot } from "react-dom/client";
import { clientName } from "./address.ts";
import { AgentChatUi } from "./agent-chat-ui.tsx";
import { DeepAgentsUi } from "./deep-agents-ui.tsx";
import { LegacyUseStream } from "./legacy-use-stream.tsx";
import { V2UseStream } from "./v2-use-stream.tsx";

const pages: Record<string, ReactNode> = {
  useStream: <LegacyUseStream />,
  "useStream, fetchStateHistory": <LegacyUseStream fetchStateHistory />,
  "useStream, reconnectOnMount": <LegacyUseStream reconnectOnMount />,
  "useStream, both": <LegacyUseStream reconnectOnMount fetchStateHistory />,
  "@langchain/react, SSE": <V2UseStream transport="sse" />,
  "@langchain/react, WebSocket": <V2UseStream transport="websocket" />,
  "agent-chat-ui": <AgentChatUi />,
  "deep-agents-ui": <DeepAgentsUi />,
};

createRoot(document.getElementById("root") as HTMLElement).render(pages[clientName]);
