import { expect, it } from "vitest";
import { devServerConfig } from "../../scripts/dev-server-config.ts";

it("points back to the project from where the state is", () => {
  const config = {
    node_version: "20",
    graphs: { agent: "./graph/agent.ts:graph", other: { path: "graph/other.ts:graph", description: "Another" } },
    env: ".env",
    auth: { path: "./auth.ts:auth" },
    http: { app: "./app.ts:app", disable_store: true },
  };
  expect(devServerConfig(config, "/project", "/project/.fermata/8000")).toEqual({
    node_version: "20",
    graphs: {
      agent: "../../graph/agent.ts:graph",
      other: { path: "../../graph/other.ts:graph", description: "Another" },
    },
    env: "../../.env",
    auth: { path: "../../auth.ts:auth" },
    http: { app: "../../app.ts:app", disable_store: true },
  });
});

it("takes what has no paths as it is", () => {
  const env = { GREETING: "./hello" };
  expect(devServerConfig({ graphs: {}, env }, "/a", "/b")).toEqual({ graphs: {}, env });
});
