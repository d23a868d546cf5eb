import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as later } from "node:timers/promises";
import { expect, it } from "vitest";
import { gate } from "../helpers/gate.ts";
import { startProxy } from "../helpers/proxy.ts";

const thread = "/threads/00000000-0000-4000-8000-000000000001";

it.each(["run.start", "input.respond"])("a Stop that comes just behind a %s waits for its run", async (method) => {
  const [there, looked, created] = [gate(), gate(), gate()];
  const happened: string[] = [];
  const server = createServer(async (request, response) => {
    const path = request.url?.split("?")[0];
    request.resume();
    response.setHeader("content-type", "application/json");
    if (path === `${thread}/commands`) {
      there.open();
      await created.opened;
      return response.end('{"type":"success","id":1,"result":{}}');
    }
    if (path === thread) looked.open();
    return response.end(path === `${thread}/runs` ? "[]" : '{"status":"idle"}');
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const proxy = await startProxy(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const post = (path: string, body: object) =>
    fetch(proxy.url + thread + path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  const params = { assistant_id: "a", interrupt_id: "i", response: "yes" };
  const started = post("/commands", { id: 1, method, params }).then(() => happened.push("created"));
  await there.opened;
  const stopped = post("/stop", {}).then(() => happened.push("stopped"));
  await looked.opened;
  // Long enough for a Stop that doesn't wait.
  await later(200);
  created.open();
  await Promise.all([started, stopped]);
  expect(happened).toEqual(["created", "stopped"]);
  await proxy.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});
