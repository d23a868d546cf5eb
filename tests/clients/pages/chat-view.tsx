import { type ReactNode, useState } from "react";

/** A message as any of the libraries has it. */
export interface Shown {
  id?: string;
  type: string;
  content: unknown;
}

interface ChatViewProps<Message extends Shown> {
  messages: Message[];
  busy: boolean;
  send(text: string): void;
  stop(): void;
  /** What edits a message of the user's: asks anew, with the text in the field, from where it was said. */
  editor?: (message: Message, draft: string) => ReactNode;
}

/** What all the pages look like. */
export function ChatView<Message extends Shown>({ messages, busy, send, stop, editor }: ChatViewProps<Message>) {
  const [draft, setDraft] = useState("");
  return (
    <main aria-busy={busy}>
      {messages.map((message, at) => (
        <div key={message.id ?? at}>
          <article data-type={message.type}>{textOf(message.content)}</article>
          {message.type === "human" && editor?.(message, draft)}
        </div>
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

export function EditButton({ edit }: { edit(): void }) {
  return (
    <button type="button" onClick={edit}>
      Edit
    </button>
  );
}

function textOf(content: unknown): string {
  if (!Array.isArray(content)) return String(content ?? "");
  return content.map((block: { text?: string }) => block.text ?? "").join("");
}
