import type { Client } from "@langchain/langgraph-sdk";
import { useEffect, useRef, useState } from "react";
import { rememberedRun } from "./remembered-run.ts";

/**
 * Finds a run that another tab has started on the thread, and remembers it as
 * this tab's own: then `useStream` joins it, and Stop knows which run it is.
 */
export function useRunElsewhere(client: Client, threadId: string | null, isReading: boolean): void {
  const [, look] = useState(0);
  const reading = useRef(isReading);
  reading.current = isReading;
  useEffect(() => {
    if (!threadId || reading.current || rememberedRun.of(threadId)) return;
    let left = false;
    const find = async () => {
      const runs = await client.runs.list(threadId, { limit: 100 });
      const run = runs.find(({ status }) => status === "running");
      if (left || reading.current || !run) return;
      rememberedRun.remember(threadId, run.run_id);
      look((times) => times + 1);
    };
    // Whatever keeps the list from coming keeps the conversation from coming too, and is told there.
    find().catch(() => undefined);
    return () => {
      left = true;
    };
  }, [client, threadId]);
}
