import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import { MoreIcon } from "./icons.tsx";

interface StopMenuProps {
  onStop(): void;
  /** Undefined once it is asked for. */
  onStopAfterStep?: () => void;
  onUndo(): void;
}

/** The other ways to stop, behind a button beside Stop. */
export function StopMenu({ onStop, onStopAfterStep, onUndo }: StopMenuProps) {
  const [isOpen, setIsOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);

  useEffect(() => {
    if (!isOpen) return;
    box.current?.querySelector<HTMLElement>("[role=menuitem]")?.focus();
    const onPress = ({ target }: PointerEvent) => {
      if (!box.current?.contains(target as Node)) setIsOpen(false);
    };
    window.addEventListener("pointerdown", onPress);
    return () => window.removeEventListener("pointerdown", onPress);
  }, [isOpen]);

  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape") {
      setIsOpen(false);
      button.current?.focus();
    } else if (step) {
      const items = [...(box.current?.querySelectorAll<HTMLElement>("[role=menuitem]") ?? [])];
      const at = items.indexOf(document.activeElement as HTMLElement);
      items.at((at + step) % items.length)?.focus();
    } else return;
    // Escape would stop, and an arrow scroll.
    event.preventDefault();
  };
  const item = (label: string, hint: string, act: () => void) => (
    <button
      type="button"
      role="menuitem"
      tabIndex={-1}
      onClick={() => {
        setIsOpen(false);
        act();
      }}
    >
      {label}
      <small>{hint}</small>
    </button>
  );

  return (
    <div className="stop-menu" ref={box}>
      <button
        ref={button}
        type="button"
        className="button button-stop button-more"
        aria-label="More ways to stop"
        aria-haspopup="menu"
        aria-expanded={isOpen}
        onClick={() => setIsOpen(!isOpen)}
      >
        <MoreIcon />
      </button>
      {isOpen && (
        <div className="menu" role="menu" aria-label="Ways to stop" onKeyDown={onKeyDown}>
          {item("Stop now", "What was said stays", onStop)}
          {onStopAfterStep && item("Stop after this step", "What is being done may finish", onStopAfterStep)}
          {item("Undo this turn", "Your message comes back here", onUndo)}
        </div>
      )}
    </div>
  );
}
