import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodePayload, encodePayload, PayloadError, parseJson } from '../../protocol/codec.js';
import type { TrackRecord } from '../../protocol/record.js';
import { routes } from '../../protocol/routes.js';

const bytes = (text: string) => new TextEncoder().encode(text);
const permille = fc.integer({ min: 0, max: 1000 });
const track: fc.Arbitrary<TrackRecord> = fc.record({
  s: fc.integer({ min: 1, max: 1e9 }),
  t: fc.integer({ min: 0, max: 2e12 }),
  k: fc.constant('track' as const),
  c: fc.constant('front'),
  ev: fc.constantFrom('new' as const, 'update' as const, 'end' as const),
  id: fc.integer({ min: 1, max: 1e6 }),
  l: fc.string({ maxLength: 64 }),
  p: permille,
  b: fc.tuple(permille, permille, permille, permille),
});

describe('the codec', () => {
  it('gives back what was encoded', () => {
    fc.assert(
      fc.property(fc.array(track, { minLength: 1, maxLength: 32 }), (r) => {
        const live = { v: 1, e: 'abcdefghij23', r };
        expect(decodePayload(routes.live, encodePayload(routes.live, live))).toEqual(live);
      }),
    );
  });

  it('ignores fields a newer writer added', () => {
    const status = {
      v: 9,
      state: 'online',
      gen: 3,
      sid: 's',
      inv: 'i',
      boot: 'b',
      version: '9.0.0',
      novelty: { x: 1 },
    };
    expect(decodePayload(routes.status, bytes(JSON.stringify(status)))).toMatchObject({
      v: 9,
      state: 'online',
      gen: 3,
    });
  });

  it.each([
    ['not JSON', 'nonsense', /not JSON/],
    ['empty', '', /not JSON/],
    ['a number', '42', /expected object/],
    ['a missing field', '{"v":1,"state":"online"}', /gen: .*sid: /s],
    ['an unknown state', '{"v":1,"state":"dead","gen":1,"sid":"s","inv":"i","boot":"b","version":"1"}', /state/],
    ['deep nesting', `${'['.repeat(17)}${']'.repeat(17)}`, /nested deeper than 16/],
  ])('refuses %s and names the route', (_, payload, reason) => {
    expect(() => decodePayload(routes.status, bytes(payload))).toThrow(PayloadError);
    expect(() => decodePayload(routes.status, bytes(payload))).toThrow(/node\/<node>\/status/);
    expect(() => decodePayload(routes.status, bytes(payload))).toThrow(reason);
  });

  it('checks the size before it looks inside', () => {
    const tooLarge = new Uint8Array(routes.status.payloadBytesMax + 1);
    expect(() => decodePayload(routes.status, tooLarge)).toThrow(/4097 bytes, allowed 4096/);
  });

  it('refuses bytes that are not UTF-8', () => {
    expect(() => decodePayload(routes.motion, new Uint8Array([0xff, 0xfe]))).toThrow(/not UTF-8/);
  });

  it('takes bare words and integers where the route says text', () => {
    expect(decodePayload(routes.motion, bytes('ON'))).toBe('ON');
    expect(decodePayload(routes.count, bytes('12'))).toBe('12');
    expect(() => decodePayload(routes.count, bytes('-1'))).toThrow(PayloadError);
    expect(() => decodePayload(routes.count, bytes('1.5'))).toThrow(PayloadError);
  });

  it('counts brackets outside strings only', () => {
    expect(parseJson(`{"text":"${'['.repeat(100)}\\""}`)).toEqual({ text: `${'['.repeat(100)}"` });
    expect(() => parseJson('['.repeat(100_000))).toThrow(/nested deeper/);
  });

  it('never takes a record of a known kind that is malformed', () => {
    const live = (record: unknown) => bytes(JSON.stringify({ v: 1, e: 'abcdefghij23', r: [record] }));
    expect(() => decodePayload(routes.live, live({ s: 1, t: 1, k: 'track', c: 'front' }))).toThrow(PayloadError);
    const alert = {
      s: 1,
      t: 1,
      k: 'alert',
      r: 'too-hot',
      ev: 'raise',
      sev: 'warning',
      x: '31 °C',
      v: { temperature: 31 },
    };
    expect(decodePayload(routes.live, live(alert)).r[0]).toEqual(alert);
    for (const wrong of [{ r: 'Too hot' }, { ev: 'end' }, { sev: 'high' }, { x: 'x'.repeat(401) }, { v: { a: '1' } }]) {
      expect(() => decodePayload(routes.live, live({ ...alert, ...wrong }))).toThrow(PayloadError);
    }
    expect(decodePayload(routes.live, live({ s: 1, t: 1, k: 'weather', wind: 3 })).r[0]).toMatchObject({ wind: 3 });
  });
});
