import type { Clock } from '../../base/clock.js';
import type { SensorSourceConfig } from './config.js';
import type { DeviceLinks } from './device-links.js';
import { parseJsonPath } from './json-value.js';
import { ProgramSource } from './program-source.js';
import type { SensorSource } from './sensor-source.js';
import { quantityOf, SystemFileSource } from './system-file.js';
import { TopicSource } from './topic-source.js';

/** Unit of the numbers a source gives, where it knows it. */
export function sourceUnit(config: SensorSourceConfig): string | undefined {
  if (config.driver === 'command' || config.driver === 'mqtt') return undefined;
  return config.driver === 'sim' ? SIM_UNITS[config.kind] : quantityOf(config)?.unit;
}

const SIM_UNITS = { temperature: '°C', humidity: '%', light: 'lx', 'air-quality': 'ppm' } as const;
/** It is a whole Node.js that starts for one number, on a board that may be busy. */
const SIM_TIMEOUT_MS = 10_000;

export type SourceParts = {
  /** Program and first arguments of the simulated sensor: it prints one sample and ends. */
  readonly simCommand: readonly string[];
  readonly devices: DeviceLinks;
  readonly clock: Clock;
};

export function makeSensorSource(
  config: SensorSourceConfig,
  { simCommand, devices, clock }: SourceParts,
): SensorSource {
  if (config.driver === 'mqtt') {
    return new TopicSource({
      ...{ topic: config.topic, maxAgeMs: config.maxAgeMs, clock },
      path: parseJsonPath(config.path) ?? [],
      acquire: () => devices.acquire(config),
      release: (link) => devices.release(link),
    });
  }
  if (config.driver === 'command') {
    return new ProgramSource({ argv: config.argv, timeoutMs: config.timeoutMs, unit: sourceUnit(config) });
  }
  if (config.driver === 'sim') {
    const argv = [...simCommand, '--print', config.kind, '--seed', config.seed];
    return new ProgramSource({ argv, timeoutMs: SIM_TIMEOUT_MS, unit: sourceUnit(config) });
  }
  return new SystemFileSource(config);
}
