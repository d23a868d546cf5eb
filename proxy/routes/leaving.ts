import type { Context } from "koa";

/** As servers read a query. */
const yes = ["1", "true", "yes"];

/**
 * Whether leaving means Stop to who joins a run (`cancel_on_disconnect`), and
 * their query without that: the proxy stops it itself, so that the text is kept.
 */
export function leaving(ctx: Context): { onDisconnect: "cancel" | undefined; query: string } {
  const { cancel_on_disconnect: given } = ctx.query;
  const query = new URLSearchParams(ctx.querystring);
  query.delete("cancel_on_disconnect");
  return {
    onDisconnect: yes.includes(String(given).toLowerCase()) ? "cancel" : undefined,
    query: given === undefined ? ctx.querystring : query.toString(),
  };
}
