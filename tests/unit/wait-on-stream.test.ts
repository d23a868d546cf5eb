import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it } from "vitest";
import { startProxy } from "../helpers/proxy.ts";

const thread = "/threads/00000000-0000-4000-8000-000000000001";

it.each([
  ["plain", "\n", '{"text":"ö"}'],
  ["with separators of lines and paragraphs", "\n", '{"text":"Line\u2028two.\u2029Then\u0085more."}'],
  ["in lines that end with CRLF", "\r\n", '{"text":"Line\u2028two."}'],
])("who waits for a run of the JS server gets its last values: %s", async (_what, newline, values) => {
  const frames = [
    ["event: values", 'data: {"text":""}'],
    ["event: values", `data: ${values}`],
    ["event: other", "data: 1"],
  ];
  const server = createServer((request, response) => {
    request.resume();
    if (request.url === "/info") return response.end('{"context":"js"}');
    if (request.method === "GET") return response.end("[]");
    response.writeHead(200, { "content-type": "text/event-stream", "content-location": `${thread}/runs/1` });
    return response.end(frames.map((lines) => [...lines, "", ""].join(newline)).join(""));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const proxy = await startProxy(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const answer = await fetch(`${proxy.url}${thread}/runs/wait`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: '{"assistant_id":"a","input":{}}',
  });
  expect([answer.status, await answer.text()]).toEqual([200, values]);
  await proxy.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});
