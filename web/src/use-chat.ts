import type { Message } from "@langchain/langgraph-sdk";
import { type UseStreamOptions, useStream } from "@langchain/langgraph-sdk/react";
import { useRef, useState } from "react";
import type { ChatClient } from "./chat-client.ts";
import { freshId } from "./fresh-id.ts";
import type { Place } from "./place.ts";
import { rememberedRun } from "./remembered-run.ts";
import { askedIn } from "./stop-ways.ts";
import { stopTroubleOf, type Trouble, troubleOf } from "./trouble.ts";
import { useOtherStops } from "./use-other-stops.ts";
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
  /** What is being done may finish; undefined while that is waited for. */
  stopAfterStep?: () => void;
  /** Takes the turn back; its message goes to the composer. Undefined while there is no run to stop. */
  undo?: () => void;
  /** Closes what waits for an approval; undefined if nothing does. */
  dismiss?: () => void;
  /** Sends again what was not sent, goes on with a run that failed, or else looks again. */
  retry(): void;
}

export interface ChatOptions extends ChatClient {
  place: Place;
  onThreadId(threadId: string): void;
  /** Opens the conversation anew; what was asked in a turn that is undone goes back to where it was written. */
  reopen(asked?: string): void;
}

export function useChat({ client, stopped, stopAs, place, onThreadId, reopen }: ChatOptions): Chat {
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
  const other = useOtherStops({
    threadId,
    stopAs,
    onDone(way, answer) {
      // After a step the stream tells what was kept.
      if (way === "after-step" || !threadId) return;
      rememberedRun.forget(threadId);
      reopen(way === "undo" && answer.outcome === "stopped" ? askedIn(answer) : undefined);
    },
  });

  const submit = (message: Message) => {
    unsent.current = { threadId, message };
    stopping.forget();
    other.forget();
    void stream.submit(
      { messages: [message] },
      { optimisticValues: ({ messages = [] }) => ({ messages: [...without(messages, message), message] }) },
    );
  };
  const phase = (() => {
    if (stopping.isStopping || other.way === "undo" || other.way === "dismiss") return "stopping";
    if (stream.isLoading) return "running";
    return stream.isThreadLoading ? "loading" : "idle";
  })();
  const trouble =
    phase === "idle" ? (stopTroubleOf(stopping.error ?? other.error) ?? troubleOf(stream.error)) : undefined;
  const canBeStopped = phase === "running" && threadId !== null && rememberedRun.of(threadId) !== null;
  const waits = phase === "idle" && !trouble && stream.interrupt !== undefined;
  return {
    messages: stream.messages,
    phase,
    trouble,
    send: (text) => submit({ type: "human", id: freshId(), content: text }),
    stop() {
      if (phase === "running") stopping.ask();
    },
    stopAfterStep: canBeStopped && other.way === undefined ? () => other.ask("after-step") : undefined,
    undo: canBeStopped ? () => other.ask("undo") : undefined,
    dismiss: waits ? () => other.ask("dismiss") : undefined,
    retry() {
      if (unsent.current?.threadId === threadId) submit(unsent.current.message);
      else if (trouble?.kind === "run") void stream.submit(null);
      else reopen();
    },
  };
}

const without = (messages: Message[], message: Message) => messages.filter(({ id }) => id !== message.id);
