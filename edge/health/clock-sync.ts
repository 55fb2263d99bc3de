import { existsSync } from 'node:fs';

// systemd-timesyncd keeps this folder while it runs and makes the file once the clock was set from the network.
const TIMESYNC_FOLDER = '/run/systemd/timesync';

/** False only where a time service runs and has not set the clock yet: a board without a clock battery after a power cut. */
export function isClockSynchronised(): boolean {
  return !existsSync(TIMESYNC_FOLDER) || existsSync(`${TIMESYNC_FOLDER}/synchronized`);
}
