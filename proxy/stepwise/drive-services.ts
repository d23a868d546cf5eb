import type { Client, Run } from "@langchain/langgraph-sdk";
import type { RunBody } from "../sse/modes.ts";
import type { Chain } from "./chain.ts";

/** How a run has ended: `over` by itself. */
export type Ending = "over" | "paused" | "stopped";

/** What driving needs; all in the name of whoever asked for it. */
export interface DriveServices {
  client: Client;
  /** Creates a run with this body; throws the server's refusal as the SDK would. */
  create: (body: RunBody) => Promise<string>;
  /** Honours the stop that somebody has asked for, at the boundary where the chain rests. */
  honour: (chain: Chain) => Promise<void>;
  /** Whether the server calls the thread what it is, the run being over; if not, `tidy` sees to it. */
  isTidy: () => Promise<boolean>;
  tidy: (first: Run) => Promise<void>;
  /** Resolves when a run that was cancelled is dealt with. */
  settled: (run: Run) => Promise<unknown>;
  /** Whether nobody carries the step out any more. */
  isAbandoned: (run: Run) => Promise<boolean>;
  signal: AbortSignal;
}
