import { expect, inject, it } from "vitest";
import { useFlow } from "../helpers/flow.ts";
import { stormShapes } from "../storm/shapes.ts";
import { storm } from "../storm/storm.ts";

const flow = useFlow();

it("loses no text, wedges no thread and tells no lie in a storm of random stops", async () => {
  const problems: string[] = [];
  const { lost, wedged, dirty } = await storm({
    client: flow.client,
    url: flow.proxy.url,
    direct: flow.direct,
    model: flow.model,
    shapes: stormShapes,
    stops: 36,
    seed: "a fixed one",
    exact: inject("server") === "js",
    report: (line) => problems.push(line),
  });
  expect(problems).toEqual([]);
  expect({ lost, wedged, dirty }).toEqual({ lost: 0, wedged: 0, dirty: 0 });
}, 180_000);
