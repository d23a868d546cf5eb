import type { Message } from "@langchain/langgraph-sdk";
import { useStream } from "@langchain/langgraph-sdk/react";
import { address, useThreadInAddress } from "./address.ts";
import { ChatView, EditButton } from "./chat-view.tsx";

interface Settings {
  reconnectOnMount?: boolean;
  fetchStateHistory?: boolean;
}

/** `useStream` of the SDK as its docs show it; a message is edited from the checkpoint before it, which the history tells. */
export function LegacyUseStream(settings: Settings) {
  const [threadId, onThreadId] = useThreadInAddress();
  const stream = useStream<{ messages: Message[] }>({ ...address, ...settings, threadId, onThreadId });
  const send = (content: string) => void stream.submit({ messages: [{ type: "human", content }] });
  const editor = (message: Message, content: string) => {
    const checkpoint = stream.getMessagesMetadata(message)?.firstSeenState?.parent_checkpoint;
    const edit = () => void stream.submit({ messages: [{ type: "human", content }] }, { checkpoint });
    return checkpoint && <EditButton edit={edit} />;
  };
  return (
    <ChatView
      messages={stream.messages}
      busy={stream.isLoading}
      send={send}
      stop={() => void stream.stop()}
      editor={settings.fetchStateHistory ? editor : undefined}
    />
  );
}
