import type { DoubtPicture, NodeDoubt } from '../../base/doubts.js';
import { type NodeCase, seriesOf, type Trial } from './case.js';
import type { PlanTimings } from './timings.js';

/** How a service ended that did not end and whose results are doubted. */
export const DOUBTED = 'doubted';
/** Names told of those who doubt; the claims have all. */
const NAMES_MAX = 4;

/** What speaks against a node, for people. */
export function doubtWords({ by, of, disputed, valid, sinceMs, last, model }: NodeDoubt): string {
  const more = by.length - NAMES_MAX;
  const names = `${by.slice(0, NAMES_MAX).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
  const results = `${disputed} results disputed and ${valid} valid`;
  const since = new Date(sinceMs).toISOString();
  return `doubted by ${names} (${by.length} of ${of} that could): ${results}, doubtful since ${since}, the last one ${last.e}/${last.s}, model ${model.slice(0, 12)}`;
}

/** More than half of those that audit are doubted: then the doubts themselves are in doubt. */
export function isMassDoubt({ auditing, doubted }: DoubtPicture): boolean {
  return doubted.size * 2 > new Set([...auditing, ...doubted.keys()]).size;
}

export function massWords({ auditing, doubted }: DoubtPicture): string {
  const of = new Set([...auditing, ...doubted.keys()]).size;
  return `${doubted.size} of ${of} are doubted at once: that is a model, an update or the audits themselves, so nobody is restarted for it`;
}

/** Why the trial of a node that is still doubted is over; undefined while it is not, or none has begun. */
export function trialEnd({ doubt, trial }: NodeCase, now: number, timings: PlanTimings): string | undefined {
  if (doubt === undefined || trial === undefined) return undefined;
  const more = doubt.disputed - trial.disputed;
  const results = `${more} more result${more === 1 ? '' : 's'} disputed since its restart`;
  if (more >= timings.doubtDisputesMax) return results;
  const trialMs = now - trial.fromMonoMs;
  if (trialMs >= timings.doubtTrialMs) return `${Math.round(trialMs / 60_000)} min after its restart; ${results}`;
  return undefined;
}

/** The trial as this doubt leaves it: counts that fell were begun anew; a restart of this series began one. */
export function trialUnder(one: NodeCase, { disputed }: NodeDoubt): Trial | undefined {
  const { trial } = one;
  if (trial !== undefined) return { ...trial, disputed: Math.min(trial.disputed, disputed) };
  const restart = seriesOf(one).findLast(({ signature }) => signature === DOUBTED);
  return restart === undefined ? undefined : { fromMonoMs: restart.atMonoMs, disputed };
}
