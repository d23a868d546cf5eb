/** What can go wrong in a request that is the proxy's own; `code` is what programs look at. */
export type ErrorCode =
  | "bad_request"
  | "body_too_large"
  | "not_found"
  | "rollback_refused"
  | "rollback_failed"
  | "still_running"
  | "closing"
  | "stopped"
  | "not_stored"
  | "upstream_unreachable"
  | "upstream_failed"
  | "internal";

/** An answer that the proxy gives itself: `{ "error": code, "message": …, "field"?: … }`. */
export class ProxyError extends Error {
  readonly status: number;
  readonly code: ErrorCode;
  readonly field?: string;

  constructor(status: number, code: ErrorCode, message: string, options: ErrorOptions & { field?: string } = {}) {
    super(message, options);
    this.name = "ProxyError";
    this.status = status;
    this.code = code;
    this.field = options.field;
  }

  toJSON() {
    return { error: this.code, message: this.message, ...(this.field ? { field: this.field } : {}) };
  }
}

/** An answer of the LangGraph server's that ends the request: it goes to the caller as it came. */
export class UpstreamAnswer extends Error {
  readonly status: number;
  readonly body: string;
  /** Of several `Set-Cookie`, each is kept. */
  readonly headers: Headers;

  constructor(status: number, body: string, headers: Headers) {
    super(`The LangGraph server answered ${status}`);
    this.name = "UpstreamAnswer";
    this.status = status;
    this.body = body;
    this.headers = headers;
  }
}

/** The innermost reason of a failed connection, such as `connect ECONNREFUSED 127.0.0.1:2024`. */
export function causeOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return causeOf(error.errors[0]);
  if (error instanceof Error && error.cause) return causeOf(error.cause);
  return error instanceof Error ? error.message : String(error);
}

/** Whatever was thrown, as an answer of the proxy's own. */
export function asProxyError(thrown: unknown): ProxyError {
  if (thrown instanceof ProxyError) return thrown;
  // The SDK wraps a refused connection; what it says behind this is our own sentence.
  if (thrown instanceof Error && thrown.name === "ConnectionError") {
    const message = thrown.message.replace(/^.*Original error: /, "");
    return new ProxyError(502, "upstream_unreachable", message, { cause: thrown });
  }
  return new ProxyError(500, "internal", "Something went wrong in the proxy; its log says what.", { cause: thrown });
}
