import { useEffect, useRef } from "react";

/** Calls `act` on Escape, wherever the focus is; not when the key ends an input method's composition. */
export function useEscape(act: () => void, isActive: boolean): void {
  const latest = useRef(act);
  latest.current = act;
  useEffect(() => {
    if (!isActive) return;
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "Escape" || event.isComposing || event.defaultPrevented) return;
      event.preventDefault();
      latest.current();
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [isActive]);
}
