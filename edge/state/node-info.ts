import { createHash } from 'node:crypto';
import type { DeepReadonly } from '../../base/config.js';
import { TOPIC_MAJOR } from '../../protocol/routes.js';
import { type NodeInfo, SCHEMA_MINOR } from '../../protocol/status.js';
import type { SourceConfig } from '../capture/config.js';
import type { EdgeConfig } from '../config.js';
import type { SensorConfig } from '../sensing/config.js';
import { sourceUnit } from '../sensing/source-factory.js';

export type NodeModel = { readonly id: string; readonly sha256: string; readonly labels: readonly string[] };

/** What a node says of itself; `model` is absent until the vision process has loaded it. */
export function buildNodeInfo(
  config: DeepReadonly<EdgeConfig>,
  version: string,
  publicKey: string,
  model: NodeModel | undefined,
): NodeInfo {
  const cameras = Object.entries(config.cameras).map(
    ([id, camera]) =>
      [id, { driver: camera.source.driver, ...sizeOf(camera.source), zones: Object.keys(camera.zones) }] as const,
  );
  return {
    v: SCHEMA_MINOR,
    ...(config.name === undefined ? {} : { name: config.name }),
    version,
    cameras: Object.fromEntries(cameras),
    sensors: Object.fromEntries(Object.entries(config.sensors).map(([id, sensor]) => [id, sensorInfo(sensor)])),
    labels: [...(model?.labels ?? [])],
    ...(model === undefined ? {} : { model: { id: model.id, sha256: model.sha256 } }),
    configSha256: createHash('sha256').update(JSON.stringify(config)).digest('hex'),
    capabilities: ['detect', 'records', 'need', 'query', 'commands'],
    schemas: { major: TOPIC_MAJOR, minor: SCHEMA_MINOR },
    publicKey,
  };
}

function sensorInfo({ source, unit }: DeepReadonly<SensorConfig>): { unit: string; kind: string } {
  return { unit: unit ?? sourceUnit(source) ?? '', kind: source.driver };
}

function sizeOf(source: DeepReadonly<SourceConfig>): { fps: number; widthPx?: number; heightPx?: number } {
  if (source.driver === 'file') return { fps: typeof source.fps === 'number' ? source.fps : 0 };
  const { fps, widthPx, heightPx } = source;
  return { fps, widthPx, ...(heightPx === undefined ? {} : { heightPx }) };
}
