import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import Router from "@koa/router";
import Koa from "koa";
import type { Logger } from "pino";
import { admit } from "./admit.ts";
import { answerErrors } from "./answer-errors.ts";
import { cors } from "./cors.ts";
import type { Settings } from "./env.ts";
import { asProxyError } from "./errors.ts";
import { Metrics } from "./metrics.ts";
import { createPassOn } from "./pass-on.ts";
import { refuseUpgrade } from "./refuse-upgrade.ts";
import { cancelRun } from "./routes/cancel.ts";
import { cancelMany } from "./routes/cancel-many.ts";
import { commands } from "./routes/commands.ts";
import { healthy, ready, showMetrics } from "./routes/health.ts";
import { holdDuringStops } from "./routes/hold.ts";
import { runsNotDriven } from "./routes/not-driven.ts";
import { ownAddress } from "./routes/own-address.ts";
import { runsAwait } from "./routes/runs-await.ts";
import { runsCreate } from "./routes/runs-create.ts";
import { runsJoin } from "./routes/runs-join.ts";
import { runsStream } from "./routes/runs-stream.ts";
import { upgrades } from "./routes/socket.ts";
import { statelessJoin } from "./routes/stateless-join.ts";
import { stopOnThread } from "./routes/stop.ts";
import { threadEvents } from "./routes/thread-events.ts";
import { threadStream } from "./routes/thread-stream.ts";
import { webPage } from "./routes/web.ts";
import { ServerKindProbe } from "./server-kind.ts";
import type { Services } from "./services.ts";
import { showAsOne } from "./stepwise/show-as-one.ts";
import { Stepwise } from "./stepwise/stepwise.ts";
import { Departures } from "./stop/departures.ts";
import { HangUps } from "./stop/hang-ups.ts";
import { Readers } from "./stop/readers.ts";
import { Snapshots } from "./stop/snapshots.ts";
import { StepEnds } from "./stop/step-ends.ts";
import { Stops } from "./stop/stops.ts";
import { Threads } from "./stop/threads.ts";

/** The proxy without a port of its own. */
export interface App {
  koa: Koa;
  /** For the HTTP server's `upgrade` event. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void>;
  /** It is to be closed: nobody waits here any more for what another replica can wait for. */
  retire(): void;
  /** Resolves when no stop is under way, nor to be expected from a reader that has left. */
  idle(): Promise<void>;
  /** Whose connection ends from now on has not hung up. */
  close(): void;
  /** It is closed, its streams too: nothing of it goes on. */
  end(): void;
}

export function createApp(settings: Settings, log: Logger): App {
  const upstream = { url: settings.upstreamUrl, apiKey: settings.upstreamKey };
  const threads = new Threads();
  const readers = new Readers();
  const server = new ServerKindProbe(upstream);
  const metrics = new Metrics();
  const snapshots = new Snapshots({ settings, upstream, server, metrics, log });
  const stops = new Stops({ threads, readers, snapshots, server, metrics, settings });
  const departures = new Departures({ readers, log });
  const hangUps = new HangUps({ settings, upstream, log, threads, readers, departures, stops });
  const stepEnds = new StepEnds({ stops, metrics });
  const stepwise = new Stepwise({ upstream, stops, server, log });
  const looking = { threads, readers, departures, snapshots, stops, stepEnds, stepwise, hangUps };
  const services: Services = { settings, upstream, log, metrics, server, ...looking };
  const { passOn, upgrade: passUpgradeOn } = createPassOn(upstream);
  const upgrade = upgrades(services, passUpgradeOn);
  const router = new Router({ strict: true, sensitive: true });
  router.get("/-/healthy", healthy());
  router.get("/-/ready", ready(services));
  router.get("/-/metrics", showMetrics(services));
  router.post("/threads/:thread_id/stop", stopOnThread(services));
  router.get("/threads/:thread_id/runs/:run_id/join", runsAwait(services));
  router.post("/threads/:thread_id/runs/:run_id/cancel", cancelRun(services, passOn));
  router.post("/runs/cancel", cancelMany(services, passOn));
  router.get("/threads/:thread_id/stream", threadStream(services));
  router.post("/threads/:thread_id/stream/events", threadEvents(services));
  router.get("/threads/:thread_id/runs/:run_id/stream", runsJoin(services));
  router.post("/threads/:thread_id/runs/stream", runsStream(services));
  router.post("/threads/:thread_id/runs", runsCreate(services));
  router.post("/threads/:thread_id/runs/wait", runsCreate(services));
  router.post("/threads/:thread_id/commands", commands(services, passOn));
  router.get("/runs/:run_id/stream", statelessJoin(services, passOn));
  for (const path of ["/runs", "/runs/stream", "/runs/wait", "/runs/batch", "/runs/crons", "/threads/:id/runs/crons"]) {
    router.post(path, runsNotDriven(services, passOn));
  }
  router.post("/ui/:graph_id", ownAddress(services));
  router.get("/.well-known/agent-card.json", ownAddress(services));
  router.get("/a2a/:assistant_id/.well-known/:card", ownAddress(services));

  const koa = new Koa();
  koa.use(cors(settings, upstream));
  koa.use(answerErrors(log));
  koa.use(async function admitRequest(ctx, next) {
    admit(ctx.req);
    await next();
  });
  koa.use(webPage());
  const routes = router.routes();
  koa.use(async function toItsRoute(ctx, next) {
    // A `HEAD` of a stream is no reader: the server answers it, but to nobody who may not read.
    const isHeadOfTheirs = ctx.method === "HEAD" && !/^\/(-|runs)\//.test(ctx.path);
    await (isHeadOfTheirs ? next() : routes(ctx as Parameters<typeof routes>[0], next));
  });
  koa.use(holdDuringStops(services));
  koa.use(showAsOne(services));
  koa.use(async function passOnTheRest(ctx) {
    await passOn(ctx);
  });
  koa.on("error", (error) => log.warn({ err: error }, "connection failed"));
  return {
    koa,
    async upgrade(request, socket, head) {
      try {
        admit(request);
      } catch (error) {
        return refuseUpgrade(socket, asProxyError(error));
      }
      await upgrade(request, socket, head);
    },
    retire() {
      stepEnds.close();
      stops.retire();
      stepwise.close();
    },
    async idle() {
      await hangUps.idle();
      await threads.idle();
    },
    close: () => hangUps.close(),
    // Not before: as long as runs stream here, nobody else may look after them.
    end: () => snapshots.close(),
  };
}
