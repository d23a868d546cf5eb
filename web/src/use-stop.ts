import { useEffect, useRef, useState } from "react";

interface Reading {
  threadId: string | null;
  isLoading: boolean;
  /** The run's id is known, so that it can be named in a stop. */
  hasRun: boolean;
  /** Hangs up, asks for the cancel, and reads what was kept. */
  stop(): Promise<void>;
  /** Settles when the server has carried it out. */
  stopped(): Promise<void>;
}

/**
 * Stops what is being read. A stop that is asked for while the run is still
 * being created waits for its id: hanging up now would lose the message, or
 * leave a run behind that nobody stops.
 */
export function useStop(reading: Reading) {
  const { threadId, isLoading, hasRun } = reading;
  const [isAsked, setIsAsked] = useState(false);
  const [underWay, setUnderWay] = useState<string>();
  const [failed, setFailed] = useState<{ threadId: string; error: unknown }>();
  const latest = useRef(reading);
  latest.current = reading;

  useEffect(() => {
    if (!isAsked) return;
    const act = async (on: string) => {
      setUnderWay(on);
      try {
        await latest.current.stop();
        await latest.current.stopped();
      } catch (error) {
        setFailed({ threadId: on, error });
      } finally {
        setUnderWay(undefined);
      }
    };
    if (isLoading && !hasRun) return;
    setIsAsked(false);
    if (isLoading && threadId) void act(threadId);
  }, [isAsked, isLoading, hasRun, threadId]);

  return {
    isStopping: isAsked || (underWay !== undefined && underWay === threadId),
    error: failed?.threadId === threadId ? failed?.error : undefined,
    ask() {
      setFailed(undefined);
      setIsAsked(true);
    },
    forget: () => setFailed(undefined),
  };
}
