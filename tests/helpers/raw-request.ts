import { request } from "node:http";

/** A request as it is written, duplicate headers and odd paths included; the answer, an upgrade's refusal too. */
export function rawRequest(
  base: string,
  { method = "GET", path, headers = [] }: { method?: string; path: string; headers?: [name: string, value: string][] },
): Promise<{ status: number; body: string }> {
  const { hostname, port, host } = new URL(base);
  return new Promise((resolve, reject) => {
    const sent = request(
      { hostname, port, method, path, headers: [["host", host], ...headers].flat(), agent: false },
      (answer) => {
        let body = "";
        answer.setEncoding("utf8").on("data", (text: string) => {
          body += text;
        });
        answer.on("end", () => resolve({ status: answer.statusCode ?? 0, body }));
      },
    );
    sent.on("error", reject);
    sent.end();
  });
}
