import type { Run } from "@langchain/langgraph-sdk";
import type { Reason } from "../core/cut.ts";

const cutStatuses: string[] = ["interrupted", "error", "timeout"] satisfies Reason[];

/** Whether the run ended before it was through, by a stop or by itself. */
export const isCut = ({ status }: Pick<Run, "status">): boolean => cutStatuses.includes(status);
