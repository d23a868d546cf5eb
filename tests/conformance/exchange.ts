/** One request and its answer, as they stood on the wire. */
export interface Exchange {
  request: string;
  status: number;
  headers: Record<string, string>;
  body: string;
}

/** Headers of one connection or of one moment, and the one in which a server calls itself by its name. */
const notCompared = ["connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"];

/** The headers that make an answer what it is. */
export function comparable(headers: Iterable<[string, string]>): Record<string, string> {
  return Object.fromEntries([...headers].filter(([name]) => !notCompared.includes(name)).sort());
}

/** A `fetch` that writes down what goes over the wire; `ended` resolves when every body has come to its end. */
export function recordingFetch(base: string): { fetch: typeof fetch; exchanges: Exchange[]; ended(): Promise<void> } {
  const exchanges: Exchange[] = [];
  const reading: Promise<void>[] = [];
  const recording: typeof fetch = async (input, init) => {
    const answer = await fetch(input, init);
    const path = String(input instanceof Request ? input.url : input).replace(base, "");
    const exchange: Exchange = {
      request: `${init?.method ?? "GET"} ${path}`,
      status: answer.status,
      headers: comparable(answer.headers),
      body: "",
    };
    exchanges.push(exchange);
    if (!answer.body) return answer;
    const [forCaller, forRecord] = answer.body.tee();
    reading.push(readInto(exchange, forRecord));
    return new Response(forCaller, answer);
  };
  return { fetch: recording, exchanges, ended: async () => void (await Promise.all(reading)) };
}

async function readInto(exchange: Exchange, body: ReadableStream<Uint8Array>): Promise<void> {
  const decoder = new TextDecoder();
  try {
    for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
      exchange.body += decoder.decode(chunk, { stream: true });
    }
  } catch (error) {
    // Whoever called has heard enough.
    if ((error as Error).name !== "AbortError") throw error;
  }
}
