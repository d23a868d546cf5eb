import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, it, vi } from "vitest";
import { ServerKindProbe } from "../../proxy/server-kind.ts";

afterEach(() => void vi.restoreAllMocks());

it("a server that takes too long to say what it is, is asked again", async () => {
  let answers = false;
  const server = createServer((_, response) => void (answers && response.end('{"context":"js"}')));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const probe = new ServerKindProbe({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
  const late = new AbortController();
  vi.spyOn(AbortSignal, "timeout").mockReturnValueOnce(late.signal);
  const asked = probe.kind();
  late.abort(new DOMException("too long", "TimeoutError"));
  expect(await asked).toBeUndefined();
  answers = true;
  expect(await probe.kind()).toBe("js");
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});
