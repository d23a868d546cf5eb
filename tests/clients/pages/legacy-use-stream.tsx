import type { Message } from "@langchain/langgraph-sdk";
import { useStream } from "@langchain/langgraph-sdk/react";
import { address, useThreadInAddress } from "./address.ts";
import { ChatView } from "./chat-view.tsx";

interface Settings {
  reconnectOnMount?: boolean;
  fetchStateHistory?: boolean;
}

/** `useStream` of the SDK as its docs show it. */
export function LegacyUseStream(settings: Settings) {
  const [threadId, onThreadId] = useThreadInAddress();
  const stream = useStream<{ messages: Message[] }>({ ...address, ...settings, threadId, onThreadId });
  const send = (content: string) => void stream.submit({ messages: [{ type: "human", content }] });
  return <ChatView messages={stream.messages} busy={stream.isLoading} send={send} stop={() => void stream.stop()} />;
}
