import { type KeyboardEvent, type MouseEvent, useEffect, useLayoutEffect, useRef, useState } from "react";
import { SendIcon, StopIcon } from "./icons.tsx";
import type { Chat } from "./use-chat.ts";

interface ComposerProps {
  phase: Chat["phase"];
  place: string | null;
  onSend(text: string): void;
  onStop(): void;
}

/** Where the next message is written; its one button sends, or stops what is being said. */
export function Composer({ phase, place, onSend, onStop }: ComposerProps) {
  const [text, setText] = useState("");
  const field = useRef<HTMLTextAreaElement>(null);
  const isBusy = phase === "running" || phase === "stopping";
  const canSend = phase === "idle" && text.trim() !== "";

  useEffect(() => field.current?.focus(), [place]);
  useLayoutEffect(() => {
    const { current: area } = field;
    if (!area) return;
    area.style.height = "auto";
    area.style.height = `${area.scrollHeight}px`;
  }, [text]);

  const send = () => {
    if (!canSend) return;
    onSend(text.trim());
    setText("");
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    send();
  };
  const onClick = (event: MouseEvent) => {
    if (phase === "running") onStop();
    // The second click of a double click on Stop must not send what was typed.
    else if (event.detail <= 1) send();
  };

  return (
    <form className="composer" onSubmit={(event) => event.preventDefault()}>
      <textarea
        ref={field}
        rows={1}
        value={text}
        placeholder={isBusy ? "Write your next message …" : "Write a message …"}
        aria-label="Message"
        onChange={(event) => setText(event.target.value)}
        onKeyDown={onKeyDown}
      />
      <button
        type="button"
        className={isBusy ? "button button-stop" : "button button-send"}
        aria-disabled={phase !== "running" && !canSend}
        title={phase === "running" ? "Stop (Esc)" : undefined}
        onClick={onClick}
      >
        {isBusy ? <StopIcon /> : <SendIcon />}
        <span>{phase === "stopping" ? "Stopping …" : isBusy ? "Stop" : "Send"}</span>
      </button>
    </form>
  );
}
