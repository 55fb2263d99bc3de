import { Random } from '../../base/random.js';
import type { SensorKind } from './sensor-kind.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/**
 * What is really there at a time: a daily course and weather that differs from seed to seed. Pure: the same kind, seed
 * and time give the same value, in any order and on any machine.
 * @param tMs wall clock, ms; noon of the simulated place is 12:00 UTC.
 * @returns in the unit of the kind, unrounded.
 */
export function sensorValue(kind: SensorKind, seed: string | number, tMs: number): number {
  // Sun: -1 at midnight, 1 at noon. The ground follows it by about three hours.
  const sun = -Math.cos((2 * Math.PI * (tMs % DAY_MS)) / DAY_MS);
  const warmth = -Math.cos((2 * Math.PI * ((tMs - 3 * HOUR_MS) % DAY_MS)) / DAY_MS);
  const weather = smoothNoise(`${seed}/weather`, tMs / (6 * HOUR_MS));
  const temperature = 14 + 6 * warmth + 4 * weather + 0.4 * smoothNoise(`${seed}/gusts`, tMs / 600_000);
  switch (kind) {
    case 'temperature':
      return temperature;
    case 'humidity':
      return clamp(62 - 2.2 * (temperature - 14) + 10 * smoothNoise(`${seed}/damp`, tMs / (4 * HOUR_MS)), 5, 99);
    case 'light':
      return light(seed, sun, tMs);
    case 'air-quality':
      return airQuality(seed, tMs);
  }
}

// Up to 60,000 lx under a clear summer sky; clouds take up to four fifths; the dark has none.
function light(seed: string | number, sun: number, tMs: number): number {
  const clouds = 0.5 + 0.5 * smoothNoise(`${seed}/clouds`, tMs / 900_000);
  const daylight = sun <= 0 ? 0 : 60_000 * sun ** 1.3;
  return daylight * (1 - 0.8 * clouds);
}

// Carbon dioxide: outside air, and people in the room between 7 and 22 o'clock, more of them in the evening.
function airQuality(seed: string | number, tMs: number): number {
  const hour = (tMs % DAY_MS) / HOUR_MS;
  const presence = hour < 7 || hour > 22 ? 0 : hour > 17 ? 1 : 0.45;
  const people = presence * (0.6 + 0.4 * smoothNoise(`${seed}/people`, tMs / (0.75 * HOUR_MS)));
  return 425 + 650 * Math.max(0, people);
}

/** Value noise, -1..1: one random number per whole `x`, joined by a smooth curve. */
function smoothNoise(seed: string, x: number): number {
  const cell = Math.floor(x);
  const t = x - cell;
  const ease = t * t * (3 - 2 * t);
  return knot(seed, cell) * (1 - ease) + knot(seed, cell + 1) * ease;
}

function knot(seed: string, cell: number): number {
  return 2 * new Random(`${seed}/${cell}`).next() - 1;
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, value));
}
