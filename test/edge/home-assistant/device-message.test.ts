import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildDeviceMessage } from '../../../edge/home-assistant/device-message.js';
import type { HassSubject } from '../../../edge/home-assistant/hass-subject.js';
import { encodePayload, parseJson } from '../../../protocol/codec.js';
import type { HassComponent } from '../../../protocol/home-assistant.js';
import { ID_PATTERN } from '../../../protocol/ids.js';
import { Command } from '../../../protocol/record.js';
import { buildTopic, matchTopic, routes } from '../../../protocol/routes.js';
import { Maintenance } from '../../../protocol/status.js';
import { describeWithProgram } from '../../fixtures.js';
import { renderJinja } from '../../jinja.js';
import {
  AVAILABILITY_MODES,
  BINARY_CLASSES,
  BUTTON_CLASSES,
  DEVICE_KEYS,
  MESSAGE_KEYS,
  OPTIONS,
  ORIGIN_KEYS,
  REQUIRED,
  SENSOR_UNITS,
  TOPIC_PATTERN,
} from './option-names.js';

const BARN: HassSubject = {
  root: 'vedette',
  node: 'cam1',
  name: 'The "barn" 🦊 {{ now() }}',
  version: '1.2.3',
  healthMs: 60_000,
  cameras: [
    { camera: 'front', labels: ['person', 'baseball bat'], hasSnapshots: true },
    { camera: 'back', labels: ['person'], hasSnapshots: false },
  ],
  sensors: [
    { sensor: 'heat', unit: '°C', quantity: 'temp', reportEveryMs: 60_000 },
    { sensor: 'air', unit: 'ppm', quantity: 'co2', reportEveryMs: 10_000 },
    { sensor: 'damp', unit: '%', quantity: 'humidityrelative', reportEveryMs: 10_000 },
    { sensor: 'fan', unit: 'rpm', quantity: 'fan1', reportEveryMs: 10_000 },
    { sensor: 'level', unit: '', quantity: 'file', reportEveryMs: 10_000 },
  ],
  rules: ['too-hot'],
  monitor: { monitor: 'mon1', user: 'ha', maintenanceS: 600 },
};

const NOTHING: ReadonlyMap<string, string> = new Map();

function componentsOf(subject: HassSubject): Record<string, HassComponent> {
  return buildDeviceMessage(subject, NOTHING).message.components;
}

function component(key: string, subject = BARN): HassComponent {
  const found = componentsOf(subject)[key];
  if (found === undefined) throw new Error(`no ${key} among ${Object.keys(componentsOf(subject)).join(', ')}`);
  return found;
}

const id = fc.stringMatching(ID_PATTERN);
const anySubject: fc.Arbitrary<HassSubject> = fc.record({
  root: fc.constantFrom('vedette', 'farm'),
  node: id,
  name: fc.string({ unit: 'binary', maxLength: 200 }),
  version: fc.constant('0'),
  healthMs: fc.integer({ min: 1000, max: 3_600_000 }),
  cameras: fc.uniqueArray(
    fc.record({
      camera: id,
      labels: fc.array(fc.string({ unit: 'binary', minLength: 1, maxLength: 64 }), { maxLength: 80 }),
      hasSnapshots: fc.boolean(),
    }),
    { selector: ({ camera }) => camera, maxLength: 4 },
  ),
  sensors: fc.uniqueArray(
    fc.record({
      sensor: id,
      unit: fc.oneof(fc.constantFrom('°C', '%', 'ppm', 'lx', 'V', '', 'constructor'), fc.string({ maxLength: 16 })),
      quantity: fc.oneof(fc.constantFrom('temp', 'co2', 'humidity', 'toString'), fc.string({ maxLength: 16 })),
      reportEveryMs: fc.integer({ min: 100, max: 86_400_000 }),
    }),
    { selector: ({ sensor }) => sensor, maxLength: 64 },
  ),
  rules: fc.uniqueArray(id, { maxLength: 64 }),
  monitor: fc.option(fc.record({ monitor: id, user: id, maintenanceS: fc.integer({ min: 60, max: 604_800 }) }), {
    nil: undefined,
  }),
});

/** Every topic of a component with what it is for. */
function topicsOf(component: HassComponent): [option: string, topic: unknown][] {
  const own = Object.entries(component).filter(([option]) => option.endsWith('_topic'));
  const { availability } = component;
  const list = Array.isArray(availability) ? availability : [];
  return [...own, ...list.map(({ topic }): [string, unknown] => ['availability', topic])];
}

describe('the message to Home Assistant', () => {
  it('is one it accepts, whatever the node is like', () => {
    fc.assert(
      fc.property(anySubject, (subject) => {
        const { message } = buildDeviceMessage(subject, NOTHING);
        expect(encodePayload(routes.hassDevice, message).byteLength).toBeLessThanOrEqual(64 * 1024);
        expect(buildTopic(subject.root, routes.hassDevice, { node: subject.node })).toMatch(TOPIC_PATTERN);
        expect(Object.keys(message).filter((key) => !MESSAGE_KEYS.includes(key))).toEqual([]);
        expect(Object.keys(message.device).filter((key) => !DEVICE_KEYS.includes(key))).toEqual([]);
        expect(Object.keys(message.origin).filter((key) => !ORIGIN_KEYS.includes(key))).toEqual([]);
        for (const [key, component] of Object.entries(message.components)) {
          const { platform } = component;
          expect(key).toMatch(/^[a-zA-Z0-9_-]+$/);
          expect(Object.keys(component).filter((option) => !OPTIONS[platform]?.includes(option))).toEqual([]);
          expect(REQUIRED[platform]?.filter((option) => typeof component[option] !== 'string')).toEqual([]);
          for (const [option, topic] of topicsOf(component)) {
            expect(matchTopic(subject.root, String(topic)), `${key} ${option} ${topic}`).toBeDefined();
          }
        }
        const ids = Object.values(message.components).map(({ unique_id }) => unique_id);
        expect(new Set(ids).size).toBe(ids.length);
      }),
      { numRuns: 200 },
    );
  });

  it('has only classes, units and categories it knows, and such as go together', () => {
    fc.assert(
      fc.property(anySubject, (subject) => {
        for (const component of Object.values(componentsOf(subject))) {
          const { platform, device_class: deviceClass, unit_of_measurement: unit, state_class: stateClass } = component;
          const mode = component.availability_mode;
          expect(mode === undefined || AVAILABILITY_MODES.includes(String(mode))).toBe(true);
          expect([undefined, 'diagnostic', 'config']).toContain(component.entity_category);
          // Home Assistant does not add what only shows something as a thing to configure.
          if (component.entity_category === 'config') expect(['switch', 'button']).toContain(platform);
          if (platform === 'binary_sensor') expect(BINARY_CLASSES).toContain(deviceClass);
          if (platform === 'button') expect(BUTTON_CLASSES).toContain(deviceClass);
          if (platform !== 'sensor') continue;
          if (deviceClass === 'enum') {
            expect([unit, stateClass]).toEqual([undefined, undefined]);
            expect(component.options).toContain('quarantined');
          } else {
            expect(stateClass).toBe('measurement');
            if (deviceClass !== undefined) expect(SENSOR_UNITS[String(deviceClass)]).toContain(unit);
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  it('tells of each camera its motion, and of each label whether, how many and a picture', () => {
    const keys = Object.keys(componentsOf(BARN)).filter((key) => key.startsWith('camera_'));
    expect(keys).toEqual([
      ...['camera_front_motion', 'camera_front_fps', 'camera_front_problem'],
      ...['', '_count', '_snapshot'].map((suffix) => `camera_front_object_person${suffix}`),
      ...['', '_count', '_snapshot'].map((suffix) => `camera_front_object_baseball-bat${suffix}`),
      ...['camera_back_motion', 'camera_back_fps', 'camera_back_problem'],
      ...['', '_count'].map((suffix) => `camera_back_object_person${suffix}`),
    ]);
    expect(component('camera_front_object_baseball-bat')).toMatchObject({
      platform: 'binary_sensor',
      name: 'front baseball bat',
      device_class: 'occupancy',
      state_topic: 'vedette/1/node/cam1/camera/front/count/baseball-bat',
    });
    expect(component('camera_front_object_person_snapshot')).toMatchObject({
      platform: 'image',
      content_type: 'image/jpeg',
      image_topic: 'vedette/1/node/cam1/camera/front/snapshot/person',
    });
  });

  it('makes what a camera sees depend on the camera, and what is told of the camera not', () => {
    const topics = (key: string) => topicsOf(component(key)).filter(([option]) => option === 'availability');
    const status = ['availability', 'vedette/1/node/cam1/status'];
    const state = ['availability', 'vedette/1/node/cam1/camera/front/state'];
    expect(topics('camera_front_motion')).toEqual([status, state]);
    expect(topics('camera_front_object_person')).toEqual([status, state]);
    expect(topics('camera_front_problem')).toEqual([status]);
    expect(topics('temperature')).toEqual([status]);
    // These are for when the node is gone.
    expect(topics('problem')).toEqual([['availability', 'vedette/1/monitor/mon1/status']]);
    expect(topics('restart')).toEqual(topics('problem'));
    expect(topics('connected')).toEqual([]);
  });

  it('gives sensors their class by unit and by what they measure', () => {
    expect(component('sensor_heat')).toMatchObject({ device_class: 'temperature', unit_of_measurement: '°C' });
    expect(component('sensor_air')).toMatchObject({ device_class: 'carbon_dioxide', expire_after: 30 });
    expect(component('sensor_damp')).toMatchObject({ device_class: 'humidity' });
    expect(component('sensor_fan')).not.toHaveProperty('device_class');
    expect(component('sensor_level')).not.toHaveProperty('unit_of_measurement');
  });

  it('offers holds and restarts only where a monitor is named', () => {
    const { monitor: _, ...alone } = BARN;
    const keys = Object.keys(componentsOf({ ...alone, monitor: undefined }));
    for (const key of ['maintenance', 'restart', 'problem', 'doubted', 'supervision']) expect(keys).not.toContain(key);
    expect(component('restart').command_topic).toBe('vedette/1/to/mon1/cmd/restart/ha');
    expect(component('maintenance').command_topic).toBe('vedette/1/maintenance/cam1');
  });

  it('takes two labels with one slug for one', () => {
    const camera = { camera: 'front', labels: ['cell phone', 'cell-phone', '🦊', '🐻'], hasSnapshots: false };
    const names = Object.values(componentsOf({ ...BARN, cameras: [camera] })).map(({ name }) => name);
    expect(names).toContain('front cell phone');
    expect(names).not.toContain('front cell-phone');
    expect(names).toContain('front 🦊');
    expect(names).not.toContain('front 🐻');
  });
});

describe('what goes', () => {
  it('is removed by its platform alone, for as long as the message is told, until it is back', () => {
    const first = buildDeviceMessage(BARN, NOTHING);
    const without: HassSubject = { ...BARN, cameras: BARN.cameras.slice(0, 1), sensors: BARN.sensors.slice(1) };
    const second = buildDeviceMessage(without, first.announced);
    expect(second.message.components).toMatchObject({
      camera_back_motion: { platform: 'binary_sensor' },
      camera_back_object_person_count: { platform: 'sensor' },
      sensor_heat: { platform: 'sensor' },
    });
    expect(second.message.components.camera_back_motion).toEqual({ platform: 'binary_sensor' });
    const third = buildDeviceMessage(without, second.announced);
    expect(third.message).toEqual(second.message);
    expect(buildDeviceMessage(BARN, third.announced).message.components).toEqual(first.message.components);
  });

  it('is told for the newest 256 of them, and what is left out is counted', () => {
    const before = new Map(Array.from({ length: 300 }, (_, i) => [`camera_old_object_label-${i}`, 'binary_sensor']));
    const { message, forgotten } = buildDeviceMessage(BARN, before);
    expect(forgotten).toBe(44);
    expect(message.components['camera_old_object_label-299']).toEqual({ platform: 'binary_sensor' });
    expect(message.components['camera_old_object_label-0']).toBeUndefined();
  });

  it('by being too much is the pictures first, then the counts, and is counted', () => {
    const labels = Array.from({ length: 80 }, (_, i) => `label ${i}`);
    const camera = { camera: 'front', labels, hasSnapshots: true };
    const { message, omitted } = buildDeviceMessage({ ...BARN, cameras: [camera] }, NOTHING);
    const keys = Object.keys(message.components);
    expect(keys.filter((key) => /_object_label-\d+$/.test(key))).toHaveLength(80);
    expect(keys.filter((key) => key.endsWith('_snapshot'))).toEqual([]);
    const counts = keys.filter((key) => key.endsWith('_count')).length;
    expect(counts).toBeLessThan(80);
    expect(omitted).toBe(80 + 80 - counts);
    expect(keys).toContain('restart');
  });
});

describeWithProgram('python3', 'its templates, by the engine of Home Assistant', () => {
  const availability = (key: string) => {
    const { availability: list } = component(key);
    return Array.isArray(list) ? list.map(({ value_template }) => String(value_template)) : [];
  };
  const [isOnline = '', isOk = ''] = availability('camera_front_motion');
  const shown = (key: string) => String(component(key).value_template);
  const roster = JSON.stringify({ v: 1, nodes: { cam1: 'quarantined', cam2: 'up' }, maintenance: ['cam1'] });
  const calm = JSON.stringify({ v: 1, nodes: { cam1: 'up' } });
  const health = (change: object) =>
    JSON.stringify({
      ...{ v: 1, load: 'active', cpu: 0.1234, temperatureC: 51.5, memory: { rssMiB: 200 }, throttled: null },
      ...{ disk: { freeMiB: 900, ok: true } },
      ...change,
    });
  const cases: readonly [what: string, template: string, value: string, expected: string][] = [
    ['a node that is online', isOnline, '{"state":"online"}', 'online'],
    ['a node that stopped', isOnline, '{"state":"stopped"}', 'offline'],
    ['a node that is lost', isOnline, '{"state":"lost"}', 'offline'],
    ['a camera that sees', isOk, '{"ok":true}', 'online'],
    ['a camera that does not', isOk, '{"ok":false}', 'offline'],
    ['its problem', shown('camera_front_problem'), '{"ok":false}', 'ON'],
    ['nobody', shown('camera_front_object_person'), '0', 'OFF'],
    ['eleven people', shown('camera_front_object_person'), '11', 'ON'],
    ['a reading', shown('sensor_heat'), '{"value":21.5}', '21.5'],
    ['no reading', shown('sensor_heat'), '{"value":null}', 'None'],
    ['the temperature of the board', shown('temperature'), health({}), '51.5'],
    ['a board without a thermometer', shown('temperature'), health({ temperatureC: null }), 'None'],
    ['its processor', shown('cpu'), health({}), '12.3'],
    ['its memory', shown('memory'), health({}), '200'],
    ['its disk', shown('disk'), health({}), '900'],
    ['a full disk', shown('disk-problem'), health({ disk: { ok: false } }), 'ON'],
    ['a board that keeps up', shown('overloaded'), health({}), 'OFF'],
    ['one that does not', shown('overloaded'), health({ load: 'overloaded' }), 'ON'],
    ['a board that cannot tell', shown('throttled'), health({}), 'None'],
    ['a throttled board', shown('throttled'), health({ throttled: true }), 'ON'],
    ['a board at full speed', shown('throttled'), health({ throttled: false }), 'OFF'],
    ['an open alert', shown('alert_too-hot'), '{"text":"hot"}', 'ON'],
    ['a cleared alert', shown('alert_too-hot'), '', 'OFF'],
    ['what it says', String(component('alert_too-hot').json_attributes_template), '', '{}'],
    ['a node given up', shown('problem'), roster, 'ON'],
    ['a node that is well', shown('problem'), calm, 'OFF'],
    ['a node its monitor does not know', shown('problem'), '{"nodes":{}}', 'OFF'],
    ['what the monitor believes', shown('supervision'), roster, 'quarantined'],
    ['a node whose results are doubted', shown('doubted'), '{"nodes":{},"doubts":{"cam1":{"by":2,"of":3}}}', 'ON'],
    ['one beside it', shown('doubted'), '{"nodes":{},"doubts":{"cam2":{"by":2,"of":3}}}', 'OFF'],
    ['one where nobody is doubted', shown('doubted'), calm, 'OFF'],
    ['a node that is held', shown('maintenance'), roster, 'ON'],
    ['one that is not', shown('maintenance'), calm, 'OFF'],
  ];

  it('say what is so', () => {
    const rendered = renderJinja(cases.map(([, template, value]) => ({ template, value })));
    expect(cases.map(([what], i) => [what, rendered[i]])).toEqual(
      cases.map(([what, , , expected]) => [what, expected]),
    );
  });

  it('give orders that the fleet understands', () => {
    const nowMs = 1_789_000_000_000;
    const order = (key: string, value: string) => ({ template: String(component(key).command_template), value, nowMs });
    const [on = '', off, press = ''] = renderJinja([
      order('maintenance', 'ON'),
      order('maintenance', 'OFF'),
      order('restart', 'PRESS'),
    ]);
    expect(Maintenance.parse(parseJson(on))).toEqual({
      ...{ v: 1, by: 'ha', reason: 'switched on in Home Assistant', untilMs: nowMs + 600_000 },
    });
    expect(off).toBe('');
    expect(Command.parse(parseJson(press))).toMatchObject({ untilMs: nowMs + 30_000, args: { node: 'cam1' } });
  });
});
