import type { DeepReadonly } from '../../base/config.js';
import type { EdgeConfig } from '../config.js';
import { sourceUnit } from '../sensing/source-factory.js';
import { labelsTracked } from '../vision/tracked-labels.js';
import type { HassCamera, HassSensor, HassSubject } from './hass-subject.js';

/** What there is to tell Home Assistant of a node with this configuration and a model of these labels. */
export function subjectOf(
  config: DeepReadonly<EdgeConfig>,
  root: string,
  version: string,
  modelLabels: readonly string[],
): HassSubject {
  const { node, name, homeAssistant, timing } = config;
  return {
    root,
    node,
    name: name ?? node,
    version,
    healthMs: timing.healthMs,
    cameras: Object.entries(config.cameras).map(
      ([camera, { objects, snapshot }]): HassCamera => ({
        camera,
        labels: labelsTracked(objects, modelLabels),
        hasSnapshots: snapshot.enabled,
      }),
    ),
    sensors: Object.entries(config.sensors).map(
      ([sensor, { source, unit, intervalMs, reportEveryMs }]): HassSensor => ({
        sensor,
        unit: unit ?? sourceUnit(source) ?? '',
        quantity: quantityOf(source),
        // It is told when it is read.
        reportEveryMs: Math.max(intervalMs, reportEveryMs) + intervalMs,
      }),
    ),
    rules: Object.keys(config.rules),
    monitor:
      homeAssistant?.monitor === undefined
        ? undefined
        : { monitor: homeAssistant.monitor, user: homeAssistant.user, maintenanceS: homeAssistant.maintenanceS },
  };
}

function quantityOf(source: DeepReadonly<EdgeConfig>['sensors'][string]['source']): string {
  switch (source.driver) {
    case 'sim':
      return source.kind;
    case 'iio':
      return source.channel;
    case 'hwmon':
      return source.input;
    default:
      return source.driver;
  }
}
