import { setTimeout as delay } from "node:timers/promises";
import { startBalancer } from "../helpers/balancer.ts";
import { startReplica } from "../helpers/replica.ts";

/** Replicas behind a load balancer that die one after the other. */
export interface MortalReplicas {
  url: string;
  /** How many have died so far. */
  deaths(): number;
  close(): Promise<void>;
}

/** Every so many seconds the next replica is killed -9, and started again. */
export async function startMortalReplicas(upstream: string, count: number, killEvery: number): Promise<MortalReplicas> {
  const replicas = await Promise.all(Array.from({ length: count }, () => startReplica(upstream)));
  const balancer = await startBalancer(replicas.map(({ url }) => url));
  const over = new AbortController();
  let deaths = 0;
  const reap = async () => {
    for (let at = 0; !over.signal.aborted; at = (at + 1) % count) {
      await delay(killEvery * 1000, undefined, { signal: over.signal }).catch(() => "over");
      const replica = replicas[at];
      if (over.signal.aborted || !replica) return;
      replica.kill("SIGKILL");
      await replica.exited;
      deaths += 1;
      replicas[at] = await startReplica(upstream, replica.port);
    }
  };
  const reaping = reap();
  return {
    url: balancer.url,
    deaths: () => deaths,
    async close() {
      over.abort();
      await reaping;
      await balancer.close();
      for (const replica of replicas) replica.kill("SIGKILL");
      await Promise.all(replicas.map(({ exited }) => exited));
    },
  };
}
