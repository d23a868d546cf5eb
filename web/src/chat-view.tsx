import { useState } from "react";
import { Composer } from "./composer.tsx";
import { conversation } from "./conversation.ts";
import { EmptyChat } from "./empty-chat.tsx";
import { Log } from "./log.tsx";
import { TroubleNote } from "./trouble-note.tsx";
import { type ChatOptions, useChat } from "./use-chat.ts";
import { useEscape } from "./use-escape.ts";

export function ChatView(options: ChatOptions) {
  const chat = useChat(options);
  const [sent, setSent] = useState(0);
  const { messages, phase, trouble } = chat;
  useEscape(chat.stop, phase === "running");
  const send = (text: string) => {
    chat.send(text);
    setSent((times) => times + 1);
  };
  const entries = conversation(messages, phase === "running" || phase === "stopping");
  const isEmpty = entries.length === 0 && phase === "idle" && !trouble;
  return (
    <main className={isEmpty ? "chat chat-empty" : "chat"}>
      {isEmpty ? (
        <EmptyChat onPick={send} />
      ) : (
        <Log entries={entries} phase={phase} sent={sent} place={options.place.threadId}>
          {trouble && <TroubleNote trouble={trouble} onRetry={chat.retry} />}
        </Log>
      )}
      <Composer phase={phase} place={options.place.threadId} onSend={send} onStop={chat.stop} />
    </main>
  );
}
