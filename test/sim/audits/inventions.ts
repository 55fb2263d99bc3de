import type { Random } from '../../../base/random.js';
import type { AuditFinding } from '../../../edge/sharing/audits/audit-finding.js';
import type { AuditVerdict } from '../../../edge/sharing/audits/audit-verdict.js';
import { MODEL, type SimulatedAuditor } from './simulated-auditor.js';

const VERDICTS: readonly AuditVerdict[] = ['valid', 'disputed', 'inconclusive'];

/**
 * A record of an audit that was none: about a result of somebody that its author was not asked about, or was and has
 * recorded otherwise.
 */
export function inventFinding(
  author: string,
  boards: readonly SimulatedAuditor[],
  random: Random,
  wallMs: number,
): AuditFinding | undefined {
  const others = boards.filter(({ node }) => node !== author);
  const victim = random.pick(others);
  const second = random.pick(others.filter((other) => other !== victim));
  if (victim.results === 0) return undefined;
  return {
    ...{ author, model: MODEL, verdict: random.pick(VERDICTS) },
    of: { n: victim.node, e: victim.epoch, s: 1 + random.int(victim.results) },
    by: random.chance(0.5) ? [author, second.node] : [second.node, author],
    atMs: random.range(0, 2 * wallMs),
    recordedMs: wallMs + random.range(-1, 1) * 86_400_000,
  };
}
