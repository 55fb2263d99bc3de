import { describe, expect, it } from 'vitest';
import { durationWords } from '../../../edge/rules/duration.js';
import { isTimeZone, LocalClock } from '../../../edge/rules/local-time.js';
import { isInForce, ScheduleConfig } from '../../../edge/rules/schedule.js';

const at = (weekday: number, text: string) => ({
  weekday,
  hour: Number(text.slice(0, 2)),
  minute: Number(text.slice(3)),
});
const hours = (...list: object[]) => list.map((entry) => ScheduleConfig.parse(entry));

describe('the hours of a rule', () => {
  it('are always, where none are given', () => {
    expect(isInForce([], at(7, '03:00'))).toBe(true);
  });

  it.each([
    ['08:59', false],
    ['09:00', true],
    ['16:59', true],
    ['17:00', false],
  ])('begin with their first minute and end before their last: %s', (time, expected) => {
    expect(isInForce(hours({ from: '09:00', to: '17:00' }), at(2, time))).toBe(expected);
  });

  it.each([
    // Friday night ends on Saturday morning, and belongs to Friday.
    [5, '21:59', false],
    [5, '22:00', true],
    [6, '05:59', true],
    [6, '06:00', false],
    [6, '23:00', false],
    [5, '03:00', false],
  ])('go over midnight where they end before they begin: day %i at %s', (weekday, time, expected) => {
    expect(isInForce(hours({ days: ['fri'], from: '22:00', to: '06:00' }), at(weekday, time))).toBe(expected);
  });

  it('of Sunday night reach into Monday', () => {
    expect(isInForce(hours({ days: ['sun'], from: '22:00', to: '06:00' }), at(1, '05:00'))).toBe(true);
  });

  it('may be several, whole days among them', () => {
    const both = hours({ days: ['sat', 'sun'] }, { days: ['mon'], to: '06:00' });
    expect(
      [at(6, '12:00'), at(7, '23:59'), at(1, '05:59'), at(1, '06:00'), at(3, '12:00')].map((t) => isInForce(both, t)),
    ).toEqual([...[true, true, true, false, false]]);
  });

  it.each([
    { from: '25:00' },
    { from: '9:00' },
    { to: '12:60' },
    { from: '10:00', to: '10:00' },
    { days: [] },
    { days: ['Mon'] },
  ])('are refused where nobody can know what they mean: %o', (entry) => {
    expect(ScheduleConfig.safeParse(entry).success).toBe(false);
  });
});

describe('local time', () => {
  it('follows daylight saving of its zone', () => {
    const vienna = new LocalClock('Europe/Vienna');
    // 2026-03-29: 01:59:59 UTC is 02:59... no such hour; the clock goes from 01:59 to 03:00 local at 01:00 UTC.
    expect(vienna.at(Date.UTC(2026, 2, 29, 0, 59))).toEqual({ weekday: 7, hour: 1, minute: 59 });
    expect(vienna.at(Date.UTC(2026, 2, 29, 1, 0))).toEqual({ weekday: 7, hour: 3, minute: 0 });
    expect(vienna.at(Date.UTC(2026, 9, 25, 1, 0))).toEqual({ weekday: 7, hour: 2, minute: 0 });
  });

  it('knows midnight as hour 0, and the weekday there', () => {
    const auckland = new LocalClock('Pacific/Auckland');
    expect(auckland.at(Date.UTC(2026, 5, 7, 12, 0))).toEqual({ weekday: 1, hour: 0, minute: 0 });
    expect(new LocalClock('Asia/Kathmandu').at(Date.UTC(2026, 5, 7, 12, 0))).toEqual({
      weekday: 7,
      hour: 17,
      minute: 45,
    });
  });

  it('knows which zones there are', () => {
    expect(['Europe/Vienna', 'UTC', 'Europe/Wien', '', 'Mars/Base'].map(isTimeZone)).toEqual([
      ...[true, true, false, false, false],
    ]);
  });
});

describe('a time in words', () => {
  it.each([
    ['0s', 0],
    ['500ms', 500],
    ['30s', 30_000],
    ['1.5h', 5_400_000],
    ['7d', 604_800_000],
  ])('%s', (text, ms) => {
    expect(durationWords().parse(text)).toBe(ms);
  });

  it.each(['', '30', '-5s', '5 min', '1e3s', '8d', '1h30m', 's', '99999999999s'])('refuses %j', (text) => {
    expect(durationWords().safeParse(text).success).toBe(false);
  });

  it('may have a least one', () => {
    expect(durationWords(1_000).safeParse('999ms').success).toBe(false);
    expect(durationWords(1_000).parse('1s')).toBe(1_000);
  });
});
