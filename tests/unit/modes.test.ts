import { describe, expect, it } from "vitest";
import {
  addedModes,
  askedModes,
  isAddition,
  modesToAdd,
  type RunBody,
  stoppable,
  type ToolMode,
} from "../../proxy/sse/modes.ts";

/** What `GET` of the run answers for a run that was created with this body. */
const runOf = ({ stream_mode, config, context }: RunBody) => ({ kwargs: { stream_mode, config, context } });

describe("the modes a body asks for", () => {
  it.each<[RunBody, string[]]>([
    [{}, ["values"]],
    [{ stream_mode: null }, ["values"]],
    [{ stream_mode: [] }, ["values"]],
    [{ stream_mode: "updates" }, ["updates"]],
    [{ stream_mode: ["messages", "custom"] }, ["messages", "custom"]],
    [{ stream_mode: ["events", 7] }, ["events"]],
  ])("%j: %j", (body, modes) => {
    expect(askedModes(body)).toEqual(modes);
  });
});

describe("the modes a run lacks", () => {
  it.each<[asked: string[], toolMode: ToolMode, added: string[]]>([
    [["values"], undefined, ["messages-tuple"]],
    [["values"], "tools", ["messages-tuple", "tools"]],
    [["messages-tuple"], undefined, []],
    [["messages-tuple"], "tools", ["tools"]],
    [["messages-tuple", "tools"], "tools", []],
    [["tools"], "tools", ["messages-tuple"]],
    [["messages", "values"], "tools", ["tools"]],
    [["messages"], undefined, ["events"]],
    [["messages", "events"], undefined, []],
    [["values"], "events", ["messages-tuple", "events"]],
    [["messages-tuple"], "events", ["events"]],
    [["messages"], "events", ["events"]],
    [["events"], "events", ["messages-tuple"]],
  ])("%j, told of tools by %j → %j", (asked, toolMode, added) => {
    expect(modesToAdd(asked, toolMode)).toEqual(added);
  });

  it("no tuples beside `messages`: Python would answer with tuples alone", () => {
    for (const toolMode of ["tools", "events", undefined] as const)
      expect(modesToAdd(["messages"], toolMode)).not.toContain("messages-tuple");
  });
});

describe("a body that was made stoppable", () => {
  const asked: RunBody = {
    assistant_id: "agent",
    input: { messages: [{ role: "user", content: "hello" }] },
    stream_mode: "updates",
    stream_subgraphs: true,
    on_disconnect: "cancel",
    multitask_strategy: "reject",
    metadata: { page: 3 },
    a_field_of_tomorrow: [1],
    config: { tags: ["t"], recursion_limit: 9, configurable: { tenant: "x" } },
  };

  it("streams what a transcript needs, can be read again, and outlives its reader", () => {
    const { body, added } = stoppable(asked, "tools");
    expect(added).toEqual(["messages-tuple", "tools"]);
    expect(body).toMatchObject({
      stream_mode: ["updates", "messages-tuple", "tools"],
      stream_resumable: true,
      on_disconnect: "continue",
    });
  });

  it("says `values` where the client left it to the server", () => {
    expect(stoppable({}, undefined).body.stream_mode).toEqual(["values", "messages-tuple"]);
  });

  it("leaves every other field as it was, and the client's body untouched", () => {
    const before = structuredClone(asked);
    const { body } = stoppable(asked, "tools");
    const { stream_mode, stream_resumable, on_disconnect, config, ...others } = body;
    const { stream_mode: _mode, on_disconnect: _leaves, config: _config, ...rest } = before;
    expect(others).toEqual(rest);
    expect(config).toMatchObject({ tags: ["t"], recursion_limit: 9, configurable: { tenant: "x" } });
    expect(asked).toEqual(before);
  });

  it("carries what was added in a key that nobody is shown", () => {
    const { configurable } = stoppable(asked, undefined).body.config as { configurable: Record<string, unknown> };
    const ours = Object.keys(configurable).filter((key) => key !== "tenant");
    expect(ours).toEqual([expect.stringMatching(/^__/)]);
  });

  it("carries it in the context where the client sent one, which Python refuses beside `configurable`", () => {
    const { body } = stoppable({ context: { user: "u" } }, undefined);
    expect(body.context).toMatchObject({ user: "u" });
    expect(Object.keys(body.context as object)).toHaveLength(2);
    expect(body).not.toHaveProperty("config");
  });

  it("passes a config on that is none, for the server to refuse", () => {
    expect(stoppable({ config: "nonsense" }, undefined).body.config).toBe("nonsense");
  });
});

describe("a join reads back what was added", () => {
  it.each<[string, RunBody]>([
    ["no config", {}],
    ["a config", { config: { tags: ["t"] } }],
    ["configurable", { config: { configurable: { tenant: "x" } } }],
    ["a context", { context: {} }],
    ["a context beside a config", { context: { user: "u" }, config: { tags: ["t"] } }],
    ["null", { config: null, context: null }],
    ["the client's own tuples", { stream_mode: ["messages-tuple"] }],
  ])("%s", (_, body) => {
    for (const toolMode of ["tools", "events", undefined] as const) {
      const made = stoppable(body, toolMode);
      expect(addedModes(runOf(made.body))).toEqual(made.added);
    }
  });

  it("where the server copies a context into `configurable`", () => {
    const { body, added } = stoppable({ context: { user: "u" } }, "tools");
    const { context, stream_mode } = body;
    expect(addedModes({ kwargs: { stream_mode, config: { configurable: context } } })).toEqual(added);
    expect(addedModes({ kwargs: { stream_mode, config: { context } } })).toEqual(added);
  });

  it("not where a run merely inherited the carrier of an earlier one", () => {
    const { config } = stoppable({}, "tools").body;
    expect(addedModes({ kwargs: { config, stream_mode: ["values"] } })).toEqual([]);
    expect(addedModes({ kwargs: { config } })).toEqual([]);
    // Its own tuples are not the ones that were added then.
    expect(addedModes({ kwargs: { config, stream_mode: ["values", "messages-tuple"] } })).toEqual([]);
  });

  it("a run made stoppable over a carrier that it inherited says its own", () => {
    const { config } = stoppable({}, "tools").body;
    const { body, added } = stoppable({ config, stream_mode: ["messages-tuple"] }, undefined);
    expect(added).toEqual([]);
    expect(addedModes(runOf(body))).toEqual([]);
  });

  it.each([undefined, null, {}, { kwargs: null }, { kwargs: { config: 1 } }, []])("nothing in %j", (run) => {
    expect(addedModes(run)).toEqual([]);
  });
});

describe("a frame that only an addition caused", () => {
  it.each<[event: string | undefined, added: string[], is: boolean]>([
    ["messages", ["messages-tuple"], true],
    ["messages|researcher:1", ["messages-tuple"], true],
    ["messages", ["tools"], false],
    ["messages", [], false],
    ["messages/partial", ["messages-tuple"], false],
    ["tools", ["messages-tuple", "tools"], true],
    ["tools|agent:1", ["tools"], true],
    ["tools", ["messages-tuple"], false],
    ["values", ["messages-tuple", "tools"], false],
    ["metadata", ["messages-tuple", "tools"], false],
    ["checkpoints", ["messages-tuple", "tools"], false],
    ["error", ["messages-tuple", "tools"], false],
    [undefined, ["messages-tuple", "tools"], false],
  ])("%s, added %j: %j", (event, added, is) => {
    expect(isAddition(event, added)).toBe(is);
  });
});
