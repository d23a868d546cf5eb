import { useStream } from "@langchain/react";
import { address, useThreadInAddress } from "./address.ts";
import { ChatView } from "./chat-view.tsx";

/** `useStream` of `@langchain/react` as its docs show it. */
export function V2UseStream({ transport }: { transport: "sse" | "websocket" }) {
  const [threadId, onThreadId] = useThreadInAddress();
  const stream = useStream({ ...address, transport, threadId, onThreadId });
  const send = (content: string) => void stream.submit({ messages: [{ type: "human", content }] });
  return <ChatView messages={stream.messages} busy={stream.isLoading} send={send} stop={() => void stream.stop()} />;
}
