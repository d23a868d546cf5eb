import type { PassUpgradeOn } from "../pass-on.ts";
import type { Services } from "../services.ts";
import { carryBetween } from "../socket/between.ts";
import { asFrame } from "../socket/messages.ts";
import { V2Commands } from "../socket/v2-commands.ts";
import { uuid } from "./ids.ts";

/**
 * `GET /threads/:thread_id/stream/events`, as a WebSocket: the v2 protocol with
 * its commands. All other sockets are passed on as they are.
 */
export function upgrades(services: Services, passOn: PassUpgradeOn): PassUpgradeOn {
  return async function upgrade(request, socket, head) {
    const { pathname, search } = new URL(request.url ?? "/", "http://localhost");
    const threadId = /^\/threads\/([^/]+)\/stream\/events\/?$/.exec(pathname)?.[1] ?? "";
    if (!uuid.test(threadId)) return await passOn(request, socket, head);
    const caller = request.headers;
    void services.snapshots.watchThread(caller, threadId);
    await passOn(request, socket, head, (client, server) => {
      const answer = (text: string) => {
        if (client.writable) client.write(asFrame(1, Buffer.from(text)));
      };
      const commands = new V2Commands(services, { caller, threadId, search, gone: () => client.destroyed }, answer);
      return carryBetween(client, server, (message) => commands.passes(message), services.settings.bodyLimit);
    });
  };
}
