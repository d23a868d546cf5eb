import type { Message } from "@langchain/langgraph-sdk";
import { type UseStreamOptions, useStream } from "@langchain/langgraph-sdk/react";
import { useRef, useState } from "react";
import type { ChatClient } from "./chat-client.ts";
import { freshId } from "./fresh-id.ts";
import type { Place } from "./place.ts";
import { rememberedRun } from "./remembered-run.ts";
import { stopTroubleOf, type Trouble, troubleOf } from "./trouble.ts";
import { useRunElsewhere } from "./use-run-elsewhere.ts";
import { useStop } from "./use-stop.ts";

interface State extends Record<string, unknown> {
  messages: Message[];
}

/** A conversation, and what can be done with it. */
export interface Chat {
  messages: Message[];
  phase: "loading" | "idle" | "running" | "stopping";
  trouble?: Trouble;
  send(text: string): void;
  /** Keeps what was said. Asking again while it is under way does nothing. */
  stop(): void;
  /** Sends again what was not sent, goes on with a run that failed, or else looks again. */
  retry(): void;
}

export interface ChatOptions extends ChatClient {
  place: Place;
  onThreadId(threadId: string): void;
  /** Opens the conversation anew. */
  reopen(): void;
}

export function useChat({ client, stopped, place, onThreadId, reopen }: ChatOptions): Chat {
  const { threadId, assistantId } = place;
  /** What was sent while no run has come of it. */
  const unsent = useRef<{ threadId: string | null; message: Message }>(undefined);
  const [, setRunId] = useState<string>();

  const options = {
    client,
    assistantId,
    threadId,
    reconnectOnMount: true,
    // Typed for deep agents only, but any graph may have subagents; what they say is not part of the conversation.
    filterSubagentMessages: true,
    throttle: 30,
    onThreadId(created: string) {
      if (unsent.current) unsent.current.threadId = created;
      onThreadId(created);
    },
    onCreated({ run_id }) {
      unsent.current = undefined;
      setRunId(run_id);
    },
    onError(error, run) {
      const on = run?.thread_id ?? threadId;
      // A run that failed or is gone is not to be joined again.
      if (on && troubleOf(error)?.kind !== "connection") rememberedRun.forget(on);
    },
  } satisfies UseStreamOptions<State> & { filterSubagentMessages: boolean };
  const stream = useStream<State>(options);
  useRunElsewhere(client, threadId, stream.isLoading);
  const stopping = useStop({
    threadId,
    isLoading: stream.isLoading,
    hasRun: threadId !== null && rememberedRun.of(threadId) !== null,
    stop: stream.stop,
    stopped,
  });

  const submit = (message: Message) => {
    unsent.current = { threadId, message };
    stopping.forget();
    void stream.submit(
      { messages: [message] },
      { optimisticValues: ({ messages = [] }) => ({ messages: [...without(messages, message), message] }) },
    );
  };
  const phase = (() => {
    if (stopping.isStopping) return "stopping";
    if (stream.isLoading) return "running";
    return stream.isThreadLoading ? "loading" : "idle";
  })();
  const trouble = phase === "idle" ? (stopTroubleOf(stopping.error) ?? troubleOf(stream.error)) : undefined;
  return {
    messages: stream.messages,
    phase,
    trouble,
    send: (text) => submit({ type: "human", id: freshId(), content: text }),
    stop() {
      if (phase === "running") stopping.ask();
    },
    retry() {
      if (unsent.current?.threadId === threadId) submit(unsent.current.message);
      else if (trouble?.kind === "run") void stream.submit(null);
      else reopen();
    },
  };
}

const without = (messages: Message[], message: Message) => messages.filter(({ id }) => id !== message.id);
