import type { Clock } from '../../base/clock.js';
import type { DeviceLink } from './device-link.js';
import { type JsonPath, numberAt } from './json-value.js';
import type { SensorSource } from './sensor-source.js';

/** What one reading needs; more is no reading. */
const MESSAGE_BYTES_MAX = 64 * 1024;

export type TopicSourceOptions = {
  readonly topic: string;
  readonly path: JsonPath;
  /** A message older than this says nothing of now. */
  readonly maxAgeMs: number;
  readonly clock: Clock;
  /** @throws Error where its password cannot be read */
  readonly acquire: () => Promise<DeviceLink>;
  readonly release: (link: DeviceLink) => Promise<void>;
};

/**
 * The newest message of a device on MQTT. It is not looked into before it is asked for: what a device sends costs little,
 * whatever it is. A retained one counts as new when it comes: how old it is, MQTT does not say.
 */
export class TopicSource implements SensorSource {
  readonly unit = undefined;
  readonly #options: TopicSourceOptions;
  #link: DeviceLink | undefined;
  #isClosed = false;

  constructor(options: TopicSourceOptions) {
    this.#options = options;
  }

  async read(): Promise<number> {
    const { topic, path, maxAgeMs, clock } = this.#options;
    const link = await this.#open();
    const newest = link.newest(topic);
    const ageMs = newest === undefined ? Number.POSITIVE_INFINITY : clock.monoMs() - newest.atMonoMs;
    if (newest === undefined || ageMs > maxAgeMs) {
      if (link.isRefused(topic)) throw new Error(`the broker refuses ${topic}`);
      if (link.trouble !== undefined) throw new Error(link.trouble);
      throw new Error(newest === undefined ? `nothing on ${topic} yet` : `nothing on ${topic} for ${seconds(ageMs)} s`);
    }
    if (newest.payload.byteLength > MESSAGE_BYTES_MAX) {
      throw new Error(`${newest.payload.byteLength} bytes on ${topic}, allowed ${MESSAGE_BYTES_MAX}`);
    }
    return numberAt(new TextDecoder().decode(newest.payload), path);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const link = this.#link;
    this.#link = undefined;
    if (link === undefined) return;
    link.unwatch(this.#options.topic);
    await this.#options.release(link);
  }

  async #open(): Promise<DeviceLink> {
    const { acquire, release, topic } = this.#options;
    if (this.#link !== undefined) return this.#link;
    const link = await acquire();
    if (this.#isClosed) {
      await release(link);
      throw new Error('closed');
    }
    this.#link = link;
    link.watch(topic);
    return link;
  }
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(0);
}
