import { SimulatedClock } from '../../../../base/clock.js';
import { VisionSettings } from '../../../../edge/vision/config.js';
import type { TrackEvent } from '../../../../edge/vision/event/track-event.js';
import { CameraPipeline } from '../../../../edge/vision/pipeline.js';
import { BLANK, WorldDetector, type WorldFaults, type WorldObject } from './detection-world.js';

export const START_MS = 1_789_000_000_000;

export type Run = {
  readonly events: readonly TrackEvent[];
  /** Published counts after every frame, by label. */
  readonly counts: readonly Readonly<Record<string, number>>[];
  /** Told tracks after every frame, by label. */
  readonly open: readonly Readonly<Record<string, number>>[];
};

/** Runs a whole pipeline over known objects, without a gate: every frame is looked at whole. */
export async function runWorld(
  objects: readonly WorldObject[],
  faults: WorldFaults,
  seed: number,
  { seconds, fps }: { readonly seconds: number; readonly fps: number },
): Promise<Run> {
  const detector = new WorldDetector(objects, faults, seed);
  const settings = VisionSettings.parse({
    motion: { enabled: false },
    zones: {
      left: {
        polygon: [
          [0, 0],
          [0.5, 0],
          [0.5, 1],
          [0, 1],
        ],
      },
    },
  });
  const pipeline = new CameraPipeline({
    camera: 'front',
    detector,
    settings,
    modelScoreMin: 0.4,
    clock: new SimulatedClock(),
  });
  const events: TrackEvent[] = [];
  const counts: Record<string, number>[] = [];
  const open: Record<string, number>[] = [];
  const now: Record<string, number> = Object.fromEntries(
    pipeline.state.counts.map(({ label, count }) => [label, count]),
  );
  for (let i = 0; i < seconds * fps; i++) {
    const atMs = (i * 1000) / fps;
    detector.moveTo(atMs / 1000);
    const output = await pipeline.process(BLANK, START_MS + atMs, atMs);
    events.push(...output.events);
    for (const { label, count } of output.counts) now[label] = count;
    counts.push({ ...now });
    const told: Record<string, number> = { person: 0, car: 0, truck: 0, dog: 0 };
    for (const track of pipeline.tracks) told[track.label] = (told[track.label] ?? 0) + 1;
    open.push(told);
  }
  events.push(...pipeline.end(START_MS + seconds * 1000).events);
  return { events, counts, open };
}
