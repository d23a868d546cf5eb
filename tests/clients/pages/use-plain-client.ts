import { type Checkpoint, Client, type Message, type ThreadState } from "@langchain/langgraph-sdk";
import { useEffect, useMemo, useRef, useState } from "react";
import { address, useThreadInAddress } from "./address.ts";

/** How a chat without the SDK's hooks behaves. */
interface Habits {
  /** What its Stop sends beside hanging up. */
  cancels: boolean;
  /** It goes on with its run after a reload. */
  rejoins: boolean;
  /** Tool messages that it sends before a message of the user's. */
  invent?: (messages: Message[]) => Message[];
}

interface Running {
  threadId: string;
  runId?: string;
  leave: AbortController;
}

type Part = { event: string; data: unknown };
type State = ThreadState<{ messages: Message[] }>;

const client = new Client({ apiUrl: address.apiUrl, apiKey: null });

/**
 * A chat that reads its thread when it is opened and when a run has ended, not
 * when it stops one; that names the checkpoint that it knows; and that sends
 * nothing while a reply streams.
 */
export function usePlainClient({ cancels, rejoins, invent }: Habits) {
  const [threadId, onThreadId] = useThreadInAddress();
  const opened = useRef(threadId);
  const [messages, setMessages] = useState<Message[]>([]);
  const [run, setRun] = useState<Running>();
  /** What it knows of its thread, newest first. */
  const history = useRef<State[]>([]);
  const actions = useMemo(() => {
    const read = async (id: string) => {
      history.current = await client.threads.getHistory<State["values"]>(id, { limit: 100 });
      setMessages(history.current[0]?.values.messages ?? []);
    };
    const follow = async (running: Running, parts: AsyncIterable<Part>) => {
      setRun(running);
      try {
        for await (const { event, data } of parts) {
          if (event === "values") setMessages((data as { messages: Message[] }).messages);
          if (event === "messages") setMessages((before) => added(before, (data as [Message])[0]));
        }
        sessionStorage.removeItem("run");
        await read(running.threadId);
      } catch (error) {
        if (!running.leave.signal.aborted) throw error;
      }
      setRun((now) => (now?.leave === running.leave ? undefined : now));
    };
    return { read, follow };
  }, []);

  useEffect(() => {
    const open = async (id: string) => {
      await actions.read(id);
      const runId = sessionStorage.getItem("run");
      if (!rejoins || !runId) return;
      const leave = new AbortController();
      const asked = { signal: leave.signal, lastEventId: "-1" };
      await actions.follow({ threadId: id, runId, leave }, client.runs.joinStream(id, runId, asked));
    };
    if (opened.current) void open(opened.current);
  }, [actions, rejoins]);

  const ask = async (content: string, from: Checkpoint | null | undefined, before: Message[]) => {
    if (run) return;
    const id = threadId ?? (await client.threads.create()).thread_id;
    if (!threadId) onThreadId(id);
    const sent: Message[] = [...(invent?.(before) ?? []), { id: crypto.randomUUID(), type: "human", content }];
    setMessages([...before, ...sent]);
    const { thread_id: _thread, ...checkpoint } = from ?? {};
    const running: Running = { threadId: id, leave: new AbortController() };
    const parts = client.runs.stream(id, address.assistantId, {
      input: { messages: sent },
      streamMode: ["values", "messages-tuple"],
      checkpoint: from ? (checkpoint as Checkpoint) : undefined,
      streamResumable: true,
      onDisconnect: "continue",
      signal: running.leave.signal,
      onRunCreated({ run_id: runId }) {
        sessionStorage.setItem("run", runId);
        running.runId = runId;
      },
    });
    await actions.follow(running, parts as AsyncIterable<Part>);
  };

  /** From the checkpoint before the message. */
  const edit = (message: Message, content: string) => {
    const first = history.current.findLast(({ values }) => values.messages?.some(({ id }) => id === message.id));
    const before = messages.slice(0, messages.indexOf(message));
    void ask(content, first?.parent_checkpoint, before);
  };

  const stop = () => {
    if (cancels && run?.runId) void client.runs.cancel(run.threadId, run.runId);
    sessionStorage.removeItem("run");
    run?.leave.abort();
  };
  const send = (content: string) => void ask(content, history.current[0]?.checkpoint, messages);
  return { messages, busy: run !== undefined, send, edit, stop };
}

/** The messages with this piece of one. */
function added(messages: Message[], piece: Message): Message[] {
  const known = messages.find(({ id }) => id === piece.id);
  if (!known && piece.type === "tool") return [...messages, piece];
  if (!known) return [...messages, { ...piece, type: "ai" } as Message];
  if (known.type !== "ai") return messages;
  const grown = { ...known, content: `${known.content}${piece.content}` };
  return messages.map((message) => (message === known ? grown : message));
}
