import type { TickReport } from '../process/vision-message.js';

/** Counters that count work, not losses. */
const WORK: ReadonlySet<string> = new Set([
  ...['frames', 'looked', 'inferences', 'decodeMs', 'gateMs', 'inferMs', 'visionStarts', 'candidates', 'candidateMs'],
  ...['connects', 'published', 'received', 'births', 'republishes', 'commands', 'commandsRepeated'],
  ...['source-frames', 'source-given', 'sources-taken'],
]);

/** What was dropped, diverted, retried or restarted. */
export function lossesOf(counters: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(counters).filter(([name]) => !WORK.has(name)));
}

/**
 * The same of cameras, as `<camera>.<cause>`. Those of sources are summed up, as `source:<cause>`: of them there may be more
 * than a health document has room for.
 * @param gone of sources that were watched, and are not any more.
 */
export function cameraLosses(
  cameras: TickReport['cameras'],
  isOwn: (camera: string) => boolean,
  gone: Readonly<Record<string, number>> = {},
): Record<string, number> {
  const losses: Record<string, number> = {};
  for (const [cause, count] of Object.entries(lossesOf(gone))) losses[`source:${cause}`] = count;
  for (const [camera, { counters }] of Object.entries(cameras)) {
    for (const [cause, count] of Object.entries(lossesOf(counters))) {
      const name = isOwn(camera) ? `${camera}.${cause}` : `source:${cause}`;
      losses[name] = (losses[name] ?? 0) + count;
    }
  }
  return losses;
}
