import { useState } from "react";

/** A message as any of the libraries has it. */
export interface Shown {
  id?: string;
  type: string;
  content: unknown;
}

interface ChatViewProps {
  messages: Shown[];
  busy: boolean;
  send(text: string): void;
  stop(): void;
}

/** What all the pages look like; a message can be sent at any time. */
export function ChatView({ messages, busy, send, stop }: ChatViewProps) {
  const [draft, setDraft] = useState("");
  return (
    <main aria-busy={busy}>
      {messages.map((message, at) => (
        <article key={message.id ?? at} data-type={message.type}>
          {textOf(message.content)}
        </article>
      ))}
      <form
        onSubmit={(event) => {
          event.preventDefault();
          send(draft);
          setDraft("");
        }}
      >
        <input aria-label="Message" value={draft} onChange={(event) => setDraft(event.target.value)} />
        <button type="submit">Send</button>
        <button type="button" onClick={stop}>
          Stop
        </button>
      </form>
    </main>
  );
}

function textOf(content: unknown): string {
  if (!Array.isArray(content)) return String(content ?? "");
  return content.map((block: { text?: string }) => block.text ?? "").join("");
}
