/** A path that servers resolve, each in its way, before they match it. */
const spelt = /^\/(.*[%\\]|(.*\/)?\.{1,2}(\/|$))/s;

/** As in RFC 3986: escaped or not, these mean the same. */
const unreserved = /[\w.~-]/;

/**
 * The target of a request with its path as the server will understand it, so that what is looked at here
 * is what is done there: `.` and `..` are resolved, `\` is a slash, and what need not be escaped isn't.
 */
export function inOneSpelling(target: string): string {
  const { path, query } = parts(target);
  if (!spelt.test(path)) return target;
  const resolved = new URL(`http://localhost${path}`).pathname;
  return resolved.replace(/%([0-9a-f]{2})/gi, plain) + query;
}

function plain(escaped: string, hex: string): string {
  const character = String.fromCharCode(Number.parseInt(hex, 16));
  return unreserved.test(character) ? character : escaped;
}

/** Whether the path is one of threads or runs with an escaped slash in it: no id has one, but the Python server takes it for a slash. */
export const hidesSlash = (target: string): boolean =>
  /^\/(threads|runs)(\/|%2f|%5c)/i.test(target) && /%(2f|5c)/i.test(parts(target).path);

function parts(target: string): { path: string; query: string } {
  const [, path = "", query = ""] = /^(?:[a-z][a-z0-9+.-]*:\/\/[^/\\?#]*)?([^?#]*)(.*)$/is.exec(target) ?? [];
  return { path, query };
}
