const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const NAMED_MS: Readonly<Record<string, number>> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };

/**
 * A point in time as a person says it: `now`, `-2h` before now, a date or a date with a time (of this machine's zone unless
 * it names one). Wall clock ms; undefined for anything else.
 */
export function parseTime(text: string, nowMs: number): number | undefined {
  if (text === 'now') return nowMs;
  const back = /^-(\d+(?:\.\d+)?)([smhd])$/.exec(text);
  if (back !== null) return Math.max(0, Math.round(nowMs - Number(back[1]) * (UNIT_MS[back[2] ?? ''] ?? 0)));
  if (!/^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$/.test(text)) return undefined;
  // A bare date is UTC to Date.parse, and the person's own midnight to the person.
  const ms = Date.parse(text.length === 10 ? `${text}T00:00` : text.replace(' ', 'T'));
  return Number.isNaN(ms) || ms < 0 ? undefined : ms;
}

/** The width of a bar: `minute`, `hour`, `day`, or `10m`, `6h`, `2d`. Undefined for anything else. */
export function parseWidthMs(text: string): number | undefined {
  const named = NAMED_MS[text];
  if (named !== undefined) return named;
  const match = /^(\d{1,4})([mhd])$/.exec(text);
  const widthMs = Number(match?.[1]) * (UNIT_MS[match?.[2] ?? ''] ?? 0);
  return widthMs >= 60_000 ? widthMs : undefined;
}

/** `2026-03-01 08:30:15` in this machine's zone. */
export function timeText(ms: number): string {
  const at = new Date(ms);
  const two = (value: number) => String(value).padStart(2, '0');
  const date = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${date} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** `4 s`, `3 min`, `2 h`, `5 d`. */
export function ageText(ms: number): string {
  const age = Math.max(0, ms);
  if (age < 120_000) return `${Math.round(age / 1_000)} s`;
  if (age < 7_200_000) return `${Math.round(age / 60_000)} min`;
  return age < 172_800_000 ? `${Math.round(age / 3_600_000)} h` : `${Math.round(age / 86_400_000)} d`;
}
