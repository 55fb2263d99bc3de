import { z } from 'zod';

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const MS_MAX = 7 * 86_400_000;

/**
 * A time as people write it, `30s`, `5m`, `1.5h`, to whole ms; at most 7 days.
 * @param minMs the shortest that is allowed.
 */
export function durationWords(minMs = 0) {
  const least = minMs === 0 ? '' : `, at least ${minMs} ms`;
  return z.string().transform((text, context) => {
    const match = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)$/.exec(text);
    const ms = Math.round(Number(match?.[1]) * (UNIT_MS[match?.[2] ?? ''] ?? Number.NaN));
    if (ms >= minMs && ms <= MS_MAX) return ms;
    context.addIssue({ code: 'custom', message: `allowed: 500ms, 30s, 5m, 1.5h or 2d${least}, at most 7d` });
    return z.NEVER;
  });
}
