import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";

/** So near to the end counts as at the end, in pixels. */
const slack = 48;

/**
 * Keeps a scroller at its end while its content grows, unless the reader has
 * scrolled away. A new `occasion` (another conversation, a message sent) goes
 * back to the end.
 */
export function useStickToBottom(occasion: string) {
  const scroller = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const sticks = useRef(true);
  const [isAtEnd, setIsAtEnd] = useState(true);

  const toEnd = useCallback(() => {
    sticks.current = true;
    const { current: box } = scroller;
    if (box) box.scrollTop = box.scrollHeight;
  }, []);

  useEffect(() => {
    const { current: box } = scroller;
    const { current: inner } = content;
    if (!box || !inner) return;
    let top = box.scrollTop;
    const look = () => {
      const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < slack;
      // Content that grew is no reader who scrolls; only going up lets go.
      if (atEnd || box.scrollTop < top) sticks.current = atEnd;
      top = box.scrollTop;
      setIsAtEnd(atEnd || sticks.current);
    };
    const grown = new ResizeObserver(() => {
      if (sticks.current) box.scrollTop = box.scrollHeight;
      look();
    });
    box.addEventListener("scroll", look, { passive: true });
    grown.observe(inner);
    grown.observe(box);
    return () => {
      box.removeEventListener("scroll", look);
      grown.disconnect();
    };
  }, []);

  useLayoutEffect(toEnd, [toEnd, occasion]);
  return { scroller, content, isAtEnd, toEnd };
}
