import { buildTopic, routes } from '../../protocol/routes.js';
import { entityOf, whenOnline, whileAll } from './entity-parts.js';
import type { HassEntity, HassMonitor, HassSubject } from './hass-subject.js';

/** As `Roster` of the protocol has them. */
const STATES = ['unknown', 'up', 'stopped', 'suspect', 'confirmed', 'acting', 'verifying', 'quarantined'];
/** A button pressed while the monitor is away must not restart anything when it is back. */
const RESTART_TTL_S = 30;

/** What a node's monitor believes of it and may be asked to do. There while the monitor is, whatever the node does. */
export function monitorEntities(subject: HassSubject, { monitor, user, maintenanceS }: HassMonitor): HassEntity[] {
  const { root, node } = subject;
  const roster = buildTopic(root, routes.roster, { monitor });
  const whileWatched = whileAll(whenOnline(root, routes.monitorStatus, { monitor }));
  const untilMs = (seconds: number) => `{{ ((now().timestamp() + ${seconds}) * 1000) | int }}`;
  return [
    entityOf(subject, 'problem', {
      platform: 'binary_sensor',
      name: 'Problem',
      device_class: 'problem',
      entity_category: 'diagnostic',
      state_topic: roster,
      value_template: `{{ 'OFF' if value_json.nodes['${node}'] | default('unknown') in ['up', 'stopped', 'unknown'] else 'ON' }}`,
      ...whileWatched,
    }),
    entityOf(subject, 'doubted', {
      platform: 'binary_sensor',
      name: 'Results doubted',
      device_class: 'problem',
      entity_category: 'diagnostic',
      state_topic: roster,
      value_template: `{{ 'ON' if '${node}' in (value_json.doubts | default({})) else 'OFF' }}`,
      ...whileWatched,
    }),
    entityOf(subject, 'supervision', {
      platform: 'sensor',
      name: 'Supervision',
      device_class: 'enum',
      options: STATES,
      entity_category: 'diagnostic',
      state_topic: roster,
      value_template: `{{ value_json.nodes['${node}'] }}`,
      ...whileWatched,
    }),
    entityOf(subject, 'maintenance', {
      platform: 'switch',
      name: 'Maintenance',
      entity_category: 'config',
      state_topic: roster,
      value_template: `{{ 'ON' if '${node}' in (value_json.maintenance | default([])) else 'OFF' }}`,
      command_topic: buildTopic(root, routes.maintenance, { node }),
      // Empty for OFF: that ends the hold.
      command_template: `{% if value == 'ON' %}{"v":1,"by":"${user}","reason":"switched on in Home Assistant","untilMs":${untilMs(maintenanceS)} }{% endif %}`,
      retain: true,
      qos: 1,
      ...whileWatched,
    }),
    entityOf(subject, 'restart', {
      platform: 'button',
      name: 'Restart',
      device_class: 'restart',
      entity_category: 'config',
      command_topic: buildTopic(root, routes.command, { recipient: monitor, verb: 'restart', sender: user }),
      command_template: `{"v":1,"id":"{{ now().timestamp() }}","untilMs":${untilMs(RESTART_TTL_S)},"args":{"node":"${node}"} }`,
      qos: 1,
      ...whileWatched,
    }),
  ];
}
