import { useRef, useState } from "react";
import type { StopAnswer, StopWay } from "./stop-ways.ts";

interface Options {
  threadId: string | null;
  stopAs(threadId: string, way: StopWay): Promise<StopAnswer>;
  /** It is carried out, and the reader is still there. */
  onDone(way: StopWay, answer: StopAnswer): void;
}

/** Stops in other ways than at once. While one is under way, it isn't asked for again. */
export function useOtherStops(options: Options) {
  const { threadId } = options;
  const [underWay, setUnderWay] = useState<{ threadId: string; way: StopWay }>();
  const [failed, setFailed] = useState<{ threadId: string; error: unknown }>();
  const latest = useRef(options);
  latest.current = options;

  const ask = async (way: StopWay) => {
    if (!threadId || (underWay?.threadId === threadId && underWay.way === way)) return;
    setFailed(undefined);
    setUnderWay({ threadId, way });
    try {
      const answer = await options.stopAs(threadId, way);
      if (latest.current.threadId === threadId) latest.current.onDone(way, answer);
    } catch (error) {
      setFailed({ threadId, error });
    } finally {
      setUnderWay((now) => (now?.threadId === threadId && now.way === way ? undefined : now));
    }
  };
  return {
    way: underWay?.threadId === threadId ? underWay?.way : undefined,
    error: failed?.threadId === threadId ? failed?.error : undefined,
    ask: (way: StopWay) => void ask(way),
    forget: () => setFailed(undefined),
  };
}
