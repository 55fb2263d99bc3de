import { buildTopic, routes } from '../../protocol/routes.js';
import { deviceClassOf } from './device-class.js';
import { entityOf, expireAfterS, IS_OK, whenOnline, whileAll } from './entity-parts.js';
import type { HassEntity, HassSensor, HassSubject } from './hass-subject.js';

/** What a node tells of one sensor: its reading, while it is one. */
export function sensorEntity(subject: HassSubject, { sensor, unit, quantity, reportEveryMs }: HassSensor): HassEntity {
  const { root, node } = subject;
  const topic = buildTopic(root, routes.sensor, { node, sensor });
  const deviceClass = deviceClassOf(unit, `${quantity} ${sensor}`);
  return entityOf(subject, `sensor_${sensor}`, {
    platform: 'sensor',
    name: sensor,
    state_class: 'measurement',
    ...(unit === '' ? {} : { unit_of_measurement: unit }),
    ...(deviceClass === undefined ? {} : { device_class: deviceClass }),
    state_topic: topic,
    value_template: '{{ value_json.value }}',
    expire_after: expireAfterS(reportEveryMs),
    ...whileAll(whenOnline(root, routes.status, { node }), { topic, value_template: IS_OK }),
  });
}
