/** The run a tab was reading on a thread. `useStream` keeps it under this key, and joins it again after a reload. */
const keyOf = (threadId: string) => `lg:stream:${threadId}`;

export const rememberedRun = {
  of: (threadId: string) => window.sessionStorage.getItem(keyOf(threadId)),
  remember: (threadId: string, runId: string) => window.sessionStorage.setItem(keyOf(threadId), runId),
  forget: (threadId: string) => window.sessionStorage.removeItem(keyOf(threadId)),
};
