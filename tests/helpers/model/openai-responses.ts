import { randomUUID } from "node:crypto";
import type { OpenAIMessage } from "../openai-rules.ts";
import { type Item, responsesViolations, type StoredItem } from "../responses-rules.ts";
import { type Api, frame, type Request } from "./api.ts";
import type { Reply } from "./script.ts";

interface ResponsesRequest extends Request {
  input: Item[];
  store?: boolean;
}

interface Said {
  item: Item;
  /** The item when it begins, with nothing in it. */
  blank: Item;
  deltas: Record<string, unknown>[];
  /** Said when the last delta has gone out. */
  done?: Record<string, unknown>;
}

/** OpenAI's Responses. It stores the items of a response when that is complete, and knows no other by id. */
export function openaiResponses(): Api {
  const stored = new Map<string, StoredItem>();
  return {
    messagesOf: (request) => (request as ResponsesRequest).input as unknown as OpenAIMessage[],
    violations(request) {
      const { input, store } = request as ResponsesRequest;
      // Where nothing is stored, a call is taken as it is, whatever its id.
      const isNamed = ({ type }: Item) => store !== false || type !== "function_call";
      return responsesViolations(
        input.map((item) => (isNamed(item) ? item : { ...item, id: undefined })),
        store === false ? new Map() : stored,
      );
    },
    say(reply, request) {
      const response = { id: `resp_${randomUUID()}`, object: "response", created_at: 0, model: "strict" };
      const said = [...itemsOf(reply)];
      const deltas = said.flatMap(({ item, blank, deltas, done }, output_index) => {
        const place = { item_id: item.id, output_index };
        const frames = deltas.map((delta) => frame({ ...place, ...delta, type: String(delta.type) }));
        frames[0] = frame({ type: "response.output_item.added", output_index, item: blank }) + (frames[0] ?? "");
        if (done) frames[frames.length - 1] += frame({ ...place, ...done, type: String(done.type) });
        frames[frames.length - 1] += frame({ type: "response.output_item.done", output_index, item });
        return frames;
      });
      const output = said.map(({ item }) => item);
      const usage = { input_tokens: 7, output_tokens: deltas.length, total_tokens: deltas.length + 7 };
      return {
        opening: frame({ type: "response.created", response: { ...response, status: "in_progress", output: [] } }),
        deltas,
        closing() {
          const reasoning = output.find(({ type }) => type === "reasoning")?.id;
          if ((request as ResponsesRequest).store !== false) {
            for (const { id = "" } of output) stored.set(id, id === reasoning ? {} : { reasoning });
          }
          return frame({ type: "response.completed", response: { ...response, status: "completed", output, usage } });
        },
      };
    },
  };
}

function* itemsOf(reply: Reply): Generator<Said> {
  if (reply.reasoning) {
    const item = { type: "reasoning", id: `rs_${randomUUID()}` };
    const place = { summary_index: 0 };
    const part = { type: "summary_text", text: "" };
    yield {
      item: { ...item, summary: [{ ...part, text: reply.reasoning.join("") }] },
      blank: { ...item, summary: [] },
      deltas: [
        { type: "response.reasoning_summary_part.added", ...place, part },
        ...reply.reasoning.map((delta) => ({ type: "response.reasoning_summary_text.delta", ...place, delta })),
      ],
    };
  }
  const text = (reply.text ?? []).join("");
  const refusal = (reply.refusal ?? []).join("");
  if (text || refusal) {
    const item = { type: "message", role: "assistant", id: `msg_${randomUUID()}` };
    const parts = [
      ...(text ? [{ type: "output_text", text, annotations: [] }] : []),
      ...(refusal ? [{ type: "refusal", refusal }] : []),
    ];
    const at = { content_index: parts.length - 1 };
    yield {
      item: { ...item, status: "completed", content: parts },
      blank: { ...item, status: "in_progress", content: [] },
      deltas: [
        ...(reply.text ?? []).map((delta) => ({ type: "response.output_text.delta", content_index: 0, delta })),
        ...(reply.refusal ?? []).map((delta) => ({ type: "response.refusal.delta", ...at, delta })),
      ],
      done: refusal
        ? { type: "response.refusal.done", ...at, refusal }
        : { type: "response.output_text.done", ...at, text },
    };
  }
  for (const { id: call_id, name, args } of reply.calls ?? []) {
    const item = { type: "function_call", id: `fc_${randomUUID()}`, call_id, name };
    yield {
      item: { ...item, status: "completed", arguments: args.join("") },
      blank: { ...item, status: "in_progress", arguments: "" },
      deltas: ["", ...args].map((delta) => ({ type: "response.function_call_arguments.delta", delta })),
    };
  }
}
