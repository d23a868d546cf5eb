import { useCallback, useEffect, useState } from "react";

/** Where the reader is: which conversation, and with which assistant. It stands in the address, `/?thread=…`. */
export interface Place {
  /** null in a chat that has not begun. */
  threadId: string | null;
  /** An assistant's id, or the name of its graph. */
  assistantId: string;
}

export const defaultAssistant = "agent";

export function placeIn(search: string): Place {
  const query = new URLSearchParams(search);
  return { threadId: query.get("thread"), assistantId: query.get("assistant") ?? defaultAssistant };
}

export function addressOf({ threadId, assistantId }: Place): string {
  const query = new URLSearchParams();
  if (threadId) query.set("thread", threadId);
  if (assistantId !== defaultAssistant) query.set("assistant", assistantId);
  return query.size > 0 ? `/?${query}` : "/";
}

/** The place, followed through back and forward. `move` leaves an entry to come back to, `amend` replaces it. */
export function usePlace() {
  const [place, setPlace] = useState(() => placeIn(window.location.search));
  useEffect(() => {
    const follow = () => setPlace(placeIn(window.location.search));
    window.addEventListener("popstate", follow);
    return () => window.removeEventListener("popstate", follow);
  }, []);
  const move = useCallback((to: Place) => {
    window.history.pushState(null, "", addressOf(to));
    setPlace(to);
  }, []);
  const amend = useCallback((change: Partial<Place>) => {
    const to = { ...placeIn(window.location.search), ...change };
    window.history.replaceState(null, "", addressOf(to));
    setPlace(to);
  }, []);
  return { place, move, amend };
}
