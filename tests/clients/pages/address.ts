import { useState } from "react";

const asked = new URL(location.href).searchParams;

/** Which client the page is. */
export const clientName = asked.get("client") ?? "";

/** All that a client is told of its server. */
export const address = { apiUrl: asked.get("api") ?? "", assistantId: "react" };

/** The thread, kept in the page's address as most chats do. */
export function useThreadInAddress(): [string | null, (threadId: string) => void] {
  const [threadId, setThreadId] = useState(new URL(location.href).searchParams.get("thread"));
  const keep = (created: string) => {
    const url = new URL(location.href);
    url.searchParams.set("thread", created);
    history.replaceState(null, "", url);
    setThreadId(created);
  };
  return [threadId, keep];
}
