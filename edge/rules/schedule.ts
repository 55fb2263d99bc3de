import { z } from 'zod';
import type { DeepReadonly } from '../../base/config.js';
import type { LocalTime } from './expression/rule-view.js';

export const WEEKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;

const TimeOfDay = z.string().regex(/^(([01]\d|2[0-3]):[0-5]\d|24:00)$/, 'allowed: 00:00 to 24:00');

/** Hours in which a rule holds, by the clock on the wall there. */
export const ScheduleConfig = z
  .strictObject({
    days: z
      .array(z.enum(WEEKDAYS))
      .min(1)
      .max(7)
      .default([...WEEKDAYS])
      .describe('days on which the hours begin'),
    from: TimeOfDay.default('00:00').describe('begin, inclusive'),
    to: TimeOfDay.default('24:00').describe('end, exclusive; earlier than from: on the next day'),
  })
  .refine(({ from, to }) => from !== to, {
    message: 'from and to are the same; leave both out for whole days',
    path: ['to'],
  });
export type ScheduleConfig = z.infer<typeof ScheduleConfig>;

/** Whether one of the hours covers this time; always, where none are given. */
export function isInForce(schedule: DeepReadonly<ScheduleConfig[]>, { weekday, hour, minute }: LocalTime): boolean {
  if (schedule.length === 0) return true;
  const now = hour * 60 + minute;
  const today = WEEKDAYS[weekday - 1];
  const yesterday = WEEKDAYS[(weekday + 5) % 7];
  return schedule.some(({ days, from, to }) => {
    const begin = minuteOf(from);
    const end = minuteOf(to);
    const isToday = days.some((day) => day === today);
    if (begin < end) return isToday && now >= begin && now < end;
    return (isToday && now >= begin) || (days.some((day) => day === yesterday) && now < end);
  });
}

function minuteOf(text: string): number {
  return Number(text.slice(0, 2)) * 60 + Number(text.slice(3));
}
