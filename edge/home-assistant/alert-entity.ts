import { buildTopic, routes } from '../../protocol/routes.js';
import { entityOf, whenOnline, whileAll } from './entity-parts.js';
import type { HassEntity, HassSubject } from './hass-subject.js';

/** Whether a rule has an open alert, with what the alert says. */
export function alertEntity(subject: HassSubject, rule: string): HassEntity {
  const { root, node } = subject;
  const topic = buildTopic(root, routes.alert, { node, rule });
  return entityOf(subject, `alert_${rule}`, {
    platform: 'binary_sensor',
    name: `Alert ${rule}`,
    device_class: 'problem',
    state_topic: topic,
    // Emptied when it clears.
    value_template: "{{ 'ON' if value else 'OFF' }}",
    json_attributes_topic: topic,
    json_attributes_template: "{{ value or '{}' }}",
    ...whileAll(whenOnline(root, routes.status, { node })),
  });
}
