import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ID_PATTERN, labelSlug } from '../../protocol/ids.js';
import { buildFilter, buildTopic, matchTopic, type Route, routes, TopicError } from '../../protocol/routes.js';

const id = fc.stringMatching(ID_PATTERN);

describe('topics', () => {
  it('are found again from what was built', () => {
    fc.assert(
      fc.property(id, id, id, (node, camera, label) => {
        const topic = buildTopic('vedette', routes.count, { node, camera, label });
        expect(matchTopic('vedette', topic)).toMatchObject({ name: 'count', params: { node, camera, label } });
      }),
    );
  });

  it('never match with a level outside the grammar', () => {
    for (const bad of [
      '',
      '+',
      '#',
      'A',
      '-a',
      'a_b',
      'a b',
      'é',
      '$sys',
      '..',
      'a'.repeat(33),
      'a\u0000',
      'a\u202e',
    ]) {
      expect(() => buildTopic('vedette', routes.status, { node: bad }), bad).toThrow(TopicError);
      expect(matchTopic('vedette', `vedette/1/node/${bad}/status`), bad).toBeUndefined();
    }
    expect(matchTopic('vedette', `vedette/1/node/${'a'.repeat(32)}/status`)).toBeDefined();
  });

  it('of another root, another major or more levels are not ours', () => {
    expect(matchTopic('vedette', 'other/1/node/cam1/status')).toBeUndefined();
    expect(matchTopic('vedette', 'vedette/2/node/cam1/status')).toBeUndefined();
    expect(matchTopic('vedette', 'vedette/1/node/cam1/status/x')).toBeUndefined();
    expect(matchTopic('vedette', 'vedette/1/node//status')).toBeUndefined();
  });

  it('belong to one route only', () => {
    const names = Object.entries<Route>(routes).map(([name, route]) => {
      const values: Record<string, string> = { epoch: 'abcdefghij23', n: '00000001' };
      const levels = route.pattern.replace(/<(\w+)>/g, (_, key: string) => values[key] ?? 'x1');
      const topic = route.isForeign === true ? levels : `vedette/1/${levels}`;
      return [name, matchTopic('vedette', topic)?.name];
    });
    for (const [name, found] of names) expect(found).toBe(name);
  });

  it('of another program have no root of ours, whatever it is', () => {
    const topic = buildTopic('farm', routes.hassDevice, { node: 'cam1' });
    expect(topic).toBe('homeassistant/device/vedette/cam1/config');
    expect(matchTopic('farm', topic)).toMatchObject({ name: 'hassDevice', params: { node: 'cam1' } });
    expect(matchTopic('farm', `farm/1/${topic}`)).toBeUndefined();
    expect(matchTopic('farm', 'node/cam1/status')).toBeUndefined();
    expect(matchTopic('farm', 'homeassistant/device/other/cam1/config')).toBeUndefined();
  });

  it('become filters where params are left out', () => {
    expect(buildFilter('vedette', routes.live)).toBe('vedette/1/node/+/live');
    expect(buildFilter('farm', routes.fill, { recipient: 'me' })).toBe('farm/1/to/me/fill/+');
  });

  it('have retained flags that tell state from events', () => {
    for (const name of ['live', 'beat', 'need', 'fill', 'command', 'result', 'cameraEvent', 'brokerStall'] as const) {
      expect(routes[name].retain, name).toBe(false);
    }
    for (const name of ['status', 'info', 'head', 'count', 'motion', 'brokerEpoch', 'sensor'] as const) {
      expect(routes[name].retain, name).toBe(true);
    }
  });
});

describe('label slugs', () => {
  it('are topic levels whatever the label is', () => {
    fc.assert(
      fc.property(fc.string(), (label) => {
        expect(labelSlug(label)).toMatch(ID_PATTERN);
      }),
    );
  });

  it('keep what people recognise', () => {
    expect(labelSlug('baseball bat')).toBe('baseball-bat');
    expect(labelSlug('TV / monitor')).toBe('tv-monitor');
    expect(labelSlug('🦊')).toBe('unnamed');
  });
});
