import { buildTopic, routes } from '../../protocol/routes.js';
import { entityOf, expireAfterS, whenOnline, whileAll } from './entity-parts.js';
import type { HassEntity, HassSubject } from './hass-subject.js';

/** What a node tells of itself and its board. */
export function nodeEntities(subject: HassSubject): HassEntity[] {
  const { root, node, healthMs } = subject;
  const fromHealth = {
    entity_category: 'diagnostic',
    state_topic: buildTopic(root, routes.health, { node }),
    expire_after: expireAfterS(healthMs),
    ...whileAll(whenOnline(root, routes.status, { node })),
  };
  const measured = { platform: 'sensor', state_class: 'measurement', ...fromHealth };
  const problem = { platform: 'binary_sensor', device_class: 'problem', ...fromHealth };
  return [
    entityOf(subject, 'connected', {
      platform: 'binary_sensor',
      name: 'Connected',
      device_class: 'connectivity',
      entity_category: 'diagnostic',
      state_topic: buildTopic(root, routes.status, { node }),
      value_template: "{{ 'ON' if value_json.state == 'online' else 'OFF' }}",
    }),
    entityOf(subject, 'temperature', {
      ...measured,
      name: 'Board temperature',
      device_class: 'temperature',
      unit_of_measurement: '°C',
      value_template: '{{ value_json.temperatureC }}',
    }),
    entityOf(subject, 'cpu', {
      ...measured,
      name: 'CPU',
      unit_of_measurement: '%',
      value_template: '{{ (value_json.cpu * 100) | round(1) }}',
    }),
    entityOf(subject, 'memory', {
      ...measured,
      name: 'Memory of the node',
      device_class: 'data_size',
      unit_of_measurement: 'MiB',
      value_template: '{{ value_json.memory.rssMiB }}',
    }),
    entityOf(subject, 'disk', {
      ...measured,
      name: 'Free disk',
      device_class: 'data_size',
      unit_of_measurement: 'MiB',
      value_template: '{{ value_json.disk.freeMiB }}',
    }),
    entityOf(subject, 'disk-problem', {
      ...problem,
      name: 'Disk problem',
      value_template: "{{ 'OFF' if value_json.disk.ok else 'ON' }}",
    }),
    entityOf(subject, 'overloaded', {
      ...problem,
      name: 'Overloaded',
      value_template: "{{ 'ON' if value_json.load == 'overloaded' else 'OFF' }}",
    }),
    entityOf(subject, 'throttled', {
      ...problem,
      name: 'Throttled',
      value_template: "{{ 'None' if value_json.throttled is none else 'ON' if value_json.throttled else 'OFF' }}",
    }),
  ];
}
