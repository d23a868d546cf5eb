import type { ReactNode } from "react";
import { type Entry, isWaiting } from "./conversation.ts";
import { ReplyView } from "./reply-view.tsx";
import type { Chat } from "./use-chat.ts";
import { useStickToBottom } from "./use-stick-to-bottom.ts";

interface LogProps {
  entries: Entry[];
  phase: Chat["phase"];
  /** How many messages this page has sent; with each the log goes to its end. */
  sent: number;
  place: string | null;
  /** Something stands below the last entry. */
  hasNote: boolean;
  children: ReactNode;
}

/** The conversation; it follows its end for as long as the reader is there. */
export function Log({ entries, phase, sent, place, hasNote, children }: LogProps) {
  const { scroller, content, isAtEnd, toEnd } = useStickToBottom(`${place} ${sent}`);
  const isBusy = phase === "running" || phase === "stopping";
  const unanswered = phase === "idle" && !hasNote && entries.at(-1)?.kind === "question";
  return (
    <div className="log" ref={scroller}>
      <div
        className="log-content"
        ref={content}
        role="log"
        aria-label="Conversation"
        aria-live="polite"
        aria-busy={isBusy}
      >
        {phase === "loading" && <p className="hint">Opening the conversation …</p>}
        {entries.map((entry) =>
          entry.kind === "question" ? (
            <article key={entry.key} className="question" aria-label="You">
              {entry.text}
            </article>
          ) : (
            <ReplyView key={entry.key} reply={entry} />
          ),
        )}
        {phase === "running" && isWaiting(entries) && (
          <p className="thinking" role="status">
            <span className="visually-hidden">Waiting for the reply</span>
            <i />
            <i />
            <i />
          </p>
        )}
        {unanswered && <p className="hint">No reply</p>}
        {children}
      </div>
      {!isAtEnd && (
        <button type="button" className="to-end" onClick={toEnd} aria-label="Scroll to the latest message">
          ↓
        </button>
      )}
    </div>
  );
}
