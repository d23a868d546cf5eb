/** What servers keep there is for the deployment itself. */
const internal = ["internal", "deploy"];

/**
 * Whether the URL's path leads to `/internal`, `/deploy` or below in any
 * spelling that some server, or some proxy before it, could take for it.
 */
export function isInternalPath(url: string): boolean {
  const [path = ""] = url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/\\?#]*/i, "").split(/[?#]/);
  const walked: string[] = [];
  for (const segment of decoded(path).toLowerCase().split(/[/\\]/).map(bare)) {
    if (segment === "..") walked.pop();
    else if (segment !== "" && segment !== ".") walked.push(segment);
    // Also on the way to somewhere else: not every server resolves `..`.
    if (walked.length === 1 && internal.includes(walked[0]?.replace(/\.+$/, "") ?? "")) return true;
  }
  return false;
}

/** So often a path is unescaped at most, by the server and whatever stands before it. */
const mostEscapes = 4;

/** Percent signs resolved, and again: what is escaped twice may be unescaped twice. */
function decoded(path: string, times = mostEscapes): string {
  const once = path.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return once === path || times === 1 ? once : decoded(once, times - 1);
}

/** Without parameters, and without what can't be seen. */
const bare = (segment: string) => segment.replace(/[;?#].*$|[\s\p{Cc}]/gu, "");
