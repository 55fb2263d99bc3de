import type { HassComponent, HassDevice } from '../../protocol/home-assistant.js';
import { labelSlug } from '../../protocol/ids.js';
import { alertEntity } from './alert-entity.js';
import { cameraEntities } from './camera-entities.js';
import type { HassEntity, HassSubject } from './hass-subject.js';
import { monitorEntities } from './monitor-entities.js';
import { nodeEntities } from './node-entities.js';
import { sensorEntity } from './sensor-entity.js';

/** Platforms of components that were announced, by key: what must be told to remove them once they are gone. */
export type Announced = ReadonlyMap<string, string>;

type Named = readonly [key: string, component: HassComponent];

export type DeviceMessage = {
  readonly message: HassDevice;
  /** What is announced with it, and what it removes: for the next one. */
  readonly announced: Announced;
  /** Entities that did not fit. */
  readonly omitted: number;
  /** Removals that are not told any more. */
  readonly forgotten: number;
};

/** Bytes of components in one message: the 64 KiB of its route less the device and the origin. */
const COMPONENT_BYTES_MAX = 62 * 1024;
/** Removals that are told: at most half of the message. Home Assistant may be away when a camera goes, so each is told for long. */
const REMOVALS_MAX = 256;

/**
 * The discovery message of a node: everything it shows, and the removal of what an earlier message showed and this one
 * does not. Pure.
 */
export function buildDeviceMessage(subject: HassSubject, before: Announced): DeviceMessage {
  const entities = entitiesOf(subject);
  const wanted = new Set(entities.map(({ key }) => key));
  const gone = [...before].filter(([key]) => !wanted.has(key));
  // The newest are the last. A component of a platform alone is removed.
  const removals = gone.slice(-REMOVALS_MAX).map(([key, platform]): Named => [key, { platform }]);
  const fitting = fitInto(entities, COMPONENT_BYTES_MAX - sum(removals.map(bytesOf)));
  const components = [...removals, ...fitting];
  return {
    message: {
      device: {
        identifiers: [`vedette_${subject.node}`],
        name: subject.name,
        manufacturer: 'Vedette',
        model: 'Vedette node',
        sw_version: subject.version,
      },
      origin: { name: 'Vedette', sw_version: subject.version },
      components: Object.fromEntries(components),
    },
    announced: new Map(components.map(([key, { platform }]) => [key, platform])),
    omitted: entities.length - fitting.length,
    forgotten: gone.length - removals.length,
  };
}

function entitiesOf(subject: HassSubject): HassEntity[] {
  return [
    ...nodeEntities(subject),
    ...(subject.monitor === undefined ? [] : monitorEntities(subject, subject.monitor)),
    ...subject.sensors.map((sensor) => sensorEntity(subject, sensor)),
    ...subject.rules.map((rule) => alertEntity(subject, rule)),
    ...subject.cameras.flatMap((camera) => cameraEntities(subject, { ...camera, labels: oncePerSlug(camera.labels) })),
  ];
}

// Two labels with one slug share their topics.
function oncePerSlug(labels: readonly string[]): string[] {
  return [...new Map(labels.toReversed().map((label) => [labelSlug(label), label])).values()].toReversed();
}

/** What fits, in the order it came; the highest rank is left out first. */
function fitInto(entities: readonly HassEntity[], bytesMax: number): Named[] {
  let bytes = 0;
  const chosen = new Set<HassEntity>();
  for (const entity of entities.toSorted((a, b) => a.rank - b.rank)) {
    bytes += bytesOf([entity.key, entity.component]);
    if (bytes > bytesMax) break;
    chosen.add(entity);
  }
  return entities.filter((entity) => chosen.has(entity)).map(({ key, component }) => [key, component]);
}

// `"key":{...},`
function bytesOf([key, component]: Named): number {
  return Buffer.byteLength(key) + Buffer.byteLength(JSON.stringify(component)) + 4;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
