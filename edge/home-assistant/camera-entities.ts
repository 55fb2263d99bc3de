import { labelSlug } from '../../protocol/ids.js';
import { buildTopic, routes } from '../../protocol/routes.js';
import { entityOf, IS_OK, whenOnline, whileAll } from './entity-parts.js';
import type { HassCamera, HassEntity, HassSubject } from './hass-subject.js';

/** What a node tells of one camera. What it sees is there while the camera is; what it is about, while the node is. */
export function cameraEntities(subject: HassSubject, { camera, labels, hasSnapshots }: HassCamera): HassEntity[] {
  const { root, node } = subject;
  const params = { node, camera };
  const state = buildTopic(root, routes.cameraState, params);
  const online = whenOnline(root, routes.status, { node });
  const whileSeeing = whileAll(online, { topic: state, value_template: IS_OK });
  const about = { entity_category: 'diagnostic', state_topic: state, ...whileAll(online) };
  return [
    entityOf(subject, `camera_${camera}_motion`, {
      platform: 'binary_sensor',
      name: `${camera} motion`,
      device_class: 'motion',
      state_topic: buildTopic(root, routes.motion, params),
      ...whileSeeing,
    }),
    entityOf(subject, `camera_${camera}_fps`, {
      platform: 'sensor',
      name: `${camera} frames`,
      state_class: 'measurement',
      unit_of_measurement: 'frames/s',
      value_template: '{{ value_json.fps }}',
      ...about,
    }),
    entityOf(subject, `camera_${camera}_problem`, {
      platform: 'binary_sensor',
      name: `${camera} problem`,
      device_class: 'problem',
      value_template: "{{ 'OFF' if value_json.ok else 'ON' }}",
      json_attributes_topic: state,
      ...about,
    }),
    ...labels.flatMap((label) => labelEntities(subject, camera, label, hasSnapshots, whileSeeing)),
  ];
}

function labelEntities(
  subject: HassSubject,
  camera: string,
  label: string,
  hasSnapshots: boolean,
  whileSeeing: Record<string, unknown>,
): HassEntity[] {
  const { root, node } = subject;
  const slug = labelSlug(label);
  // Ids and slugs hold no _, so that no label can be taken for another entity.
  const key = `camera_${camera}_object_${slug}`;
  const params = { node, camera, label: slug };
  const count = buildTopic(root, routes.count, params);
  const occupancy = entityOf(
    subject,
    key,
    {
      platform: 'binary_sensor',
      name: `${camera} ${label}`,
      device_class: 'occupancy',
      state_topic: count,
      value_template: "{{ 'ON' if value | int > 0 else 'OFF' }}",
      ...whileSeeing,
    },
    1,
  );
  const counted = {
    platform: 'sensor',
    name: `${camera} ${label} count`,
    state_class: 'measurement',
    state_topic: count,
    ...whileSeeing,
  };
  const image = {
    platform: 'image',
    name: `${camera} ${label}`,
    content_type: 'image/jpeg',
    image_topic: buildTopic(root, routes.snapshot, params),
    // The best frame of somebody who is gone is still worth a look when the camera is not there any more.
    ...whileAll(whenOnline(root, routes.status, { node })),
  };
  return [
    occupancy,
    entityOf(subject, `${key}_count`, counted, 2),
    ...(hasSnapshots ? [entityOf(subject, `${key}_snapshot`, image, 3)] : []),
  ];
}
