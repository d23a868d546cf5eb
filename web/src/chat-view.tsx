import { useState } from "react";
import { Composer } from "./composer.tsx";
import { conversation } from "./conversation.ts";
import { EmptyChat } from "./empty-chat.tsx";
import { Log } from "./log.tsx";
import { TroubleNote } from "./trouble-note.tsx";
import { type ChatOptions, useChat } from "./use-chat.ts";
import { useEscape } from "./use-escape.ts";
import { WaitingNote } from "./waiting-note.tsx";

interface ChatViewProps extends ChatOptions {
  /** What stands in the composer at first. */
  draft: string;
}

export function ChatView({ draft, ...options }: ChatViewProps) {
  const [text, setText] = useState(draft);
  const reopen = (asked = "") => options.reopen([asked, text].filter((part) => part !== "").join("\n\n"));
  const chat = useChat({ ...options, reopen });
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
        <Log
          entries={entries}
          phase={phase}
          sent={sent}
          place={options.place.threadId}
          hasNote={trouble !== undefined || chat.dismiss !== undefined}
        >
          {phase === "running" && chat.undo && !chat.stopAfterStep && (
            <p className="hint" role="status">
              Stopping after this step …
            </p>
          )}
          {chat.dismiss && <WaitingNote onDismiss={chat.dismiss} />}
          {trouble && <TroubleNote trouble={trouble} onRetry={chat.retry} />}
        </Log>
      )}
      <Composer chat={chat} place={options.place.threadId} text={text} onText={setText} onSend={send} />
    </main>
  );
}
