import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { extname, join, resolve, sep } from "node:path";
import type { Middleware } from "koa";

const built = resolve(import.meta.dirname, "../../web/dist");

/** Where the page's own files live: a path that no LangGraph server uses. */
const assets = "/-/web/";

const notBuilt = "<!doctype html><title>Fermata</title><p>The chat is not built yet: run <code>npm run build</code>.";

/** The chat at `/` for a browser's navigation, and its files under `/-/web/`. */
export function webPage(): Middleware {
  return async function serveWeb(ctx, next) {
    if (ctx.method !== "GET" && ctx.method !== "HEAD") return await next();
    const isPage = ctx.path === "/" && ctx.get("accept").includes("text/html");
    if (!isPage && !ctx.path.startsWith(assets)) return await next();
    const file = resolve(join(built, isPage ? "index.html" : decoded(ctx.path.slice(assets.length))));
    const info = file.startsWith(built + sep) ? await statOf(file) : undefined;
    if (info?.isFile()) {
      ctx.type = extname(file);
      ctx.length = info.size;
      // Vite names assets by their content; the page itself names the newest.
      ctx.set("cache-control", isPage ? "no-cache" : "public, max-age=31536000, immutable");
      ctx.body = createReadStream(file);
    } else {
      ctx.status = isPage ? 503 : 404;
      if (isPage) ctx.type = "html";
      ctx.body = isPage ? notBuilt : "Not found";
    }
  };
}

/** Empty if it can't be unescaped. */
function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch (error) {
    if (error instanceof URIError) return "";
    throw error;
  }
}

/** There is no such file, or can't be. */
const notThere = ["ENOENT", "ENOTDIR", "ENAMETOOLONG", "ERR_INVALID_ARG_VALUE"];

async function statOf(file: string) {
  try {
    return await stat(file);
  } catch (error) {
    if (notThere.includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
}
