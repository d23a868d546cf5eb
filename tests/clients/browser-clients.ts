export interface BrowserClient {
  name: string;
  page?: string;
  /** Its proxy takes every hang-up for a Stop. */
  hangUpStops?: boolean;
  /** What its Stop has cut is kept when its next message comes. */
  keptLater?: boolean;
  /** What a reload comes to: it finds its run again; the run was stopped by it; it reads on, and its Stop says nothing; it knows of no run. */
  reload: "rejoins" | "stops" | "reads on" | "knows nothing";
  /** What comes of a message while a reply streams: it waits for its turn, or isn't sent. */
  meanwhile: "waits" | "is not sent";
  /** The JS server doesn't send it the rest of a reply once it has started another run: it shows that after a reload. */
  restLaterOnJs?: boolean;
  /** The JS server sends a thread's events to the socket that was opened last, so beside a younger tab it shows an answer after a reload. */
  quietBesideYoungerOnJs?: boolean;
  /** Its messages can be edited. `@langchain/react` names no checkpoint from before a message, or one that holds it already. */
  edits?: boolean;
}

const v2 = {
  reload: "reads on",
  meanwhile: "waits",
  restLaterOnJs: true,
} as const;

export const browserClients: BrowserClient[] = [
  { name: "useStream", reload: "stops", meanwhile: "waits" },
  { name: "useStream, fetchStateHistory", reload: "stops", meanwhile: "waits", edits: true },
  { name: "useStream, reconnectOnMount", reload: "rejoins", meanwhile: "waits" },
  { name: "useStream, both", reload: "rejoins", meanwhile: "waits", edits: true },
  { name: "@langchain/react, SSE", ...v2 },
  { name: "@langchain/react, WebSocket", ...v2, quietBesideYoungerOnJs: true },
  { name: "agent-chat-ui", reload: "knows nothing", meanwhile: "is not sent", keptLater: true, edits: true },
  {
    name: "agent-chat-ui, ON_DISCONNECT=stop",
    page: "agent-chat-ui",
    reload: "stops",
    meanwhile: "is not sent",
    hangUpStops: true,
    edits: true,
  },
  { name: "deep-agents-ui", reload: "rejoins", meanwhile: "is not sent" },
];
