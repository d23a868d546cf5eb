import { type KeyboardEvent, type MouseEvent, useEffect, useLayoutEffect, useRef } from "react";
import { SendIcon, StopIcon } from "./icons.tsx";
import { StopMenu } from "./stop-menu.tsx";
import type { Chat } from "./use-chat.ts";

interface ComposerProps {
  chat: Pick<Chat, "phase" | "stop" | "stopAfterStep" | "undo">;
  place: string | null;
  text: string;
  onText(text: string): void;
  onSend(text: string): void;
}

/** Where the next message is written; its button sends, or stops what is being said. */
export function Composer({ chat, place, text, onText, onSend }: ComposerProps) {
  const { phase, stop, stopAfterStep, undo } = chat;
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
    onText("");
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    send();
  };
  const onClick = (event: MouseEvent) => {
    if (phase === "running") stop();
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
        onChange={(event) => onText(event.target.value)}
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
      {undo && <StopMenu onStop={stop} onStopAfterStep={stopAfterStep} onUndo={undo} />}
    </form>
  );
}
