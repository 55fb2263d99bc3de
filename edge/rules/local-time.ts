import type { LocalTime } from './expression/rule-view.js';

/** Days of Intl's English short form, Monday first. */
const DAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

/** Reads wall clock times as people at one place do, daylight saving included. */
export class LocalClock {
  readonly #format: Intl.DateTimeFormat;
  #last: { readonly minute: number; readonly time: LocalTime } | undefined;

  /** @param timeZone IANA name; undefined: that of the machine. @throws RangeError for one that does not exist. */
  constructor(timeZone: string | undefined) {
    this.#format = new Intl.DateTimeFormat('en-US', {
      ...{ weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' },
      ...(timeZone === undefined ? {} : { timeZone }),
    });
  }

  /** @param nowMs wall clock. */
  at(nowMs: number): LocalTime {
    // Zones are whole minutes off UTC: one minute reads the same to its end, and formatting costs 2 us.
    const minute = Math.floor(nowMs / 60_000);
    if (this.#last?.minute !== minute) this.#last = { minute, time: this.#read(nowMs) };
    return this.#last.time;
  }

  #read(nowMs: number): LocalTime {
    const parts = new Map(this.#format.formatToParts(nowMs).map(({ type, value }) => [type, value]));
    return {
      hour: Number(parts.get('hour')),
      minute: Number(parts.get('minute')),
      weekday: DAYS.indexOf(parts.get('weekday') ?? '') + 1,
    };
  }
}

/** Whether there is a time zone of that name. */
export function isTimeZone(name: string): boolean {
  try {
    new LocalClock(name);
    return true;
  } catch {
    return false;
  }
}
