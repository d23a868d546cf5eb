import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setImmediate as immediate } from "node:timers/promises";
import { expect, it } from "vitest";
import { gate } from "../helpers/gate.ts";
import { startProxy } from "../helpers/proxy.ts";

it("a cancel that is refused before the server has said what it is, is answered with the refusal", async () => {
  const refused = gate();
  const run = { run_id: randomUUID(), status: "running", created_at: new Date().toISOString() };
  const server = createServer(async (request, response) => {
    request.resume();
    response.setHeader("content-type", "application/json");
    if (request.url === "/info") {
      await refused.opened;
      // Time for whoever doesn't look at the refusal to have missed it.
      for (let turn = 0; turn < 100; turn += 1) await immediate();
    }
    if (request.url?.includes("/cancel")) {
      response.statusCode = 403;
      response.once("close", () => refused.open());
    }
    response.end(JSON.stringify(request.url?.includes("/runs/") ? run : {}));
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const proxy = await startProxy(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const path = `/threads/${randomUUID()}/runs/${run.run_id}/cancel`;
  const answer = await fetch(proxy.url + path, { method: "POST" });
  expect(answer.status).toBe(403);
  await proxy.close();
  server.closeAllConnections();
  await new Promise((closed) => server.close(closed));
});
