import { Random } from '../../base/random.js';
import { SENSOR_TRAITS, type SensorKind } from './sensor-kind.js';
import { sensorValue } from './sensor-value.js';

/** How a part fails for a while: no answer, always the same answer, nonsense. */
export type SensorFault = {
  readonly kind: 'dropout' | 'stuck' | 'garbage';
  readonly fromMs: number;
  readonly untilMs: number;
};

const DAY_MS = 86_400_000;

/**
 * One fault may happen in each stretch of this length; with the chance below a part is out of order for about 2 % of
 * its time, far more than a good one: it is there to be seen.
 */
const STRETCH_MS = 600_000;
const FAULT_CHANCE = 0.25;
const FAULT_MS_MIN = 15_000;
const FAULT_MS_MAX = 90_000;
/** Single answers that get lost on the bus. */
const GLITCH_CHANCE = 0.003;

/** The fault a part has at a time, if it has one. Pure. */
export function sensorFault(kind: SensorKind, seed: string | number, tMs: number): SensorFault | undefined {
  const stretch = Math.floor(tMs / STRETCH_MS);
  const random = new Random(`${seed}/${kind}/fault/${stretch}`);
  if (!random.chance(FAULT_CHANCE)) return undefined;
  const fromMs = stretch * STRETCH_MS + random.range(0, STRETCH_MS - FAULT_MS_MAX);
  const untilMs = fromMs + random.range(FAULT_MS_MIN, FAULT_MS_MAX);
  const fault = random.pick(['dropout', 'stuck', 'garbage'] as const);
  return tMs >= fromMs && tMs < untilMs ? { kind: fault, fromMs, untilMs } : undefined;
}

/**
 * What a part answers when its board asks: the value with drift, noise and rounding, or what its faults make of it.
 * Pure, as `sensorValue`.
 * @returns undefined if it does not answer; a number outside the part's range if it answers nonsense.
 */
export function sensorSample(kind: SensorKind, seed: string | number, tMs: number): number | undefined {
  const fault = sensorFault(kind, seed, tMs);
  if (fault?.kind === 'dropout') return undefined;
  if (fault?.kind === 'garbage') return nonsense(kind);
  if (fault?.kind === 'stuck') return measure(kind, seed, fault.fromMs);
  if (new Random(`${seed}/${kind}/glitch/${Math.round(tMs)}`).chance(GLITCH_CHANCE)) return undefined;
  return measure(kind, seed, tMs);
}

// What such parts really say with a broken wire: SHT31 -45 °C, all ones on the bus, a CO2 cell without its lamp 0.
function nonsense(kind: SensorKind): number {
  return { temperature: -45, humidity: 118.9, light: 65_536, 'air-quality': 0 }[kind];
}

function measure(kind: SensorKind, seed: string | number, tMs: number): number {
  const { resolution, noise, driftMax, min, max } = SENSOR_TRAITS[kind];
  const truth = sensorValue(kind, seed, tMs);
  // Ageing: a slow wave of some weeks with a phase of its own.
  const phase = new Random(`${seed}/${kind}/drift`).range(0, 2 * Math.PI);
  const drift = driftMax * Math.sin((2 * Math.PI * tMs) / (40 * DAY_MS) + phase);
  const jitter = noise * new Random(`${seed}/${kind}/noise/${Math.round(tMs)}`).normal();
  // In the dark a photodiode has nothing to drift or to shiver with.
  const isDark = kind === 'light' && truth === 0;
  const value = isDark ? 0 : truth + drift + jitter;
  const steps = Math.round(Math.min(max, Math.max(min, value)) / resolution);
  return Number((steps * resolution).toFixed(4));
}
