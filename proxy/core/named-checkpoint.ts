import { isObject } from "./message.ts";

/** Where a run that is asked for names the checkpoint to start from. */
export interface CheckpointFields {
  checkpoint?: unknown;
  checkpoint_id?: unknown;
  config?: unknown;
}

/** A checkpoint as a thread's state names it. */
export interface Checkpoint {
  checkpoint_id?: string | null;
  checkpoint_ns?: string;
  checkpoint_map?: unknown;
}

/** The checkpoint that the run would start from, or undefined for the thread's head. Of several places the server heeds the first. */
export function namedCheckpoint({ checkpoint, checkpoint_id, config }: CheckpointFields): string | undefined {
  const configurable = isObject(config) && isObject(config.configurable) ? config.configurable : {};
  const places = [isObject(checkpoint) ? checkpoint.checkpoint_id : undefined, checkpoint_id];
  const named = [...places, configurable.checkpoint_id].find((id) => id != null);
  return typeof named === "string" ? named : undefined;
}

/** Whether a subgraph's checkpoint is named: no client falls behind there without meaning it. */
export function namesSubgraph({ checkpoint, config }: CheckpointFields): boolean {
  const configurable = isObject(config) ? config.configurable : undefined;
  return [checkpoint, configurable].some((place) => isObject(place) && Boolean(place.checkpoint_ns));
}

/** The same run from another checkpoint, named wherever one was named before. */
export function fromCheckpoint<T extends CheckpointFields>(run: T, { checkpoint_id, checkpoint_map }: Checkpoint): T {
  const moved = { ...run };
  if (isObject(run.checkpoint)) moved.checkpoint = relocated(run.checkpoint, checkpoint_id, checkpoint_map);
  if (run.checkpoint_id != null) moved.checkpoint_id = checkpoint_id;
  const { config } = run;
  if (isObject(config) && isObject(config.configurable) && config.configurable.checkpoint_id != null) {
    moved.config = { ...config, configurable: relocated(config.configurable, checkpoint_id, checkpoint_map) };
  }
  return moved;
}

/**
 * The same run, on the thread as it stands unless it names a checkpoint. For
 * the JS server, which would else start from one that an earlier run named,
 * and fork away what has been said since.
 */
export function onHead<T extends CheckpointFields>(run: T): T {
  const { config } = run;
  if (namedCheckpoint(run) !== undefined || (config != null && !isObject(config))) return run;
  const configurable = isObject(config) && isObject(config.configurable) ? config.configurable : {};
  return { ...run, config: { ...(config ?? {}), configurable: { ...configurable, checkpoint_id: null } } };
}

/** What belonged to the other checkpoint goes; servers take no map that is null. */
function relocated(place: Record<string, unknown>, id: unknown, map: unknown): Record<string, unknown> {
  const { checkpoint_map: _other, ...rest } = place;
  return { ...rest, checkpoint_id: id, ...("checkpoint_map" in place && map != null ? { checkpoint_map: map } : {}) };
}
