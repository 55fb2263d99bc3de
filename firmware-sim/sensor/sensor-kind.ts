/** What a simulated board can measure. */
export const SENSOR_KINDS = ['temperature', 'humidity', 'light', 'air-quality'] as const;
export type SensorKind = (typeof SENSOR_KINDS)[number];

/** A part as its data sheet tells it, and how its board watches it. */
export type SensorTraits = {
  readonly unit: string;
  /** What the part can measure; a number outside is a fault of the part or its wiring. */
  readonly min: number;
  readonly max: number;
  /** Smallest step of the number it gives. */
  readonly resolution: number;
  /** Standard deviation of one sample. */
  readonly noise: number;
  /** Largest bias that ageing brings. */
  readonly driftMax: number;
  readonly intervalMs: number;
  /**
   * This many equal samples in a row are a stuck part. With a noise of ten steps two samples are equal once in 35
   * times, so 12 in a row are no chance (35^-11).
   */
  readonly stuckAfter: number;
  /** At and below this the world itself stands still (a dark night), and equal samples say nothing. */
  readonly quietBelow: number;
};

/** After parts that boards of this size carry: SHT31 (temperature, humidity), BH1750 (light), SCD30 (CO2). */
export const SENSOR_TRAITS: Readonly<Record<SensorKind, SensorTraits>> = {
  temperature: {
    unit: '°C',
    min: -40,
    max: 85,
    resolution: 0.01,
    noise: 0.1,
    driftMax: 0.5,
    intervalMs: 5_000,
    stuckAfter: 12,
    quietBelow: Number.NEGATIVE_INFINITY,
  },
  humidity: {
    unit: '%',
    min: 0,
    max: 100,
    resolution: 0.05,
    noise: 0.5,
    driftMax: 2,
    intervalMs: 5_000,
    stuckAfter: 12,
    quietBelow: Number.NEGATIVE_INFINITY,
  },
  light: {
    unit: 'lx',
    min: 0,
    max: 65_535,
    resolution: 0.5,
    noise: 5,
    driftMax: 1,
    intervalMs: 2_000,
    stuckAfter: 12,
    quietBelow: 1,
  },
  'air-quality': {
    unit: 'ppm',
    min: 350,
    max: 10_000,
    resolution: 0.5,
    noise: 5,
    driftMax: 30,
    intervalMs: 10_000,
    // Read half as often as the others, so half the samples: 35^-5 is once in some years.
    stuckAfter: 6,
    quietBelow: Number.NEGATIVE_INFINITY,
  },
};
