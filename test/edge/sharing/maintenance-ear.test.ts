import { describe, expect, it } from 'vitest';
import { SimulatedClock } from '../../../base/clock.js';
import { silentLog } from '../../../base/log.js';
import { Random } from '../../../base/random.js';
import { MaintenanceEar } from '../../../edge/sharing/maintenance-ear.js';
import { HandLink } from '../hand-link.js';

const TOPIC = 'vedette/1/maintenance/me';

function listening() {
  const clock = new SimulatedClock();
  const link = new HandLink({
    ...{ url: 'mqtt://127.0.0.1:1', clientId: 'me', root: 'vedette', clock, random: new Random(1), log: silentLog },
  });
  const heard: boolean[] = [];
  const ear = new MaintenanceEar({ node: 'me', link, clock, onChange: (isHeld) => heard.push(isHeld) });
  ear.open();
  const say = (payload: string) => link.deliver(TOPIC, new TextEncoder().encode(payload), true);
  const hold = (forMs: number) =>
    say(JSON.stringify({ v: 1, by: 'anna', reason: 'a new lens', untilMs: clock.nowMs() + forMs }));
  return { clock, ear, heard, say, hold };
}

describe('the maintenance of a node', () => {
  it('begins when it is told, and ends with its time or when it is taken back', async () => {
    const { clock, ear, heard, say, hold } = listening();
    hold(60_000);
    await clock.advance(59_000);
    expect(heard).toEqual([true]);
    await clock.advance(2_000);
    expect(heard).toEqual([true, false]);
    hold(60_000);
    say('');
    expect(heard).toEqual([true, false, true, false]);
    ear.close();
  });

  it('ends by the right time though the clock was wrong when it was told', async () => {
    const { clock, ear, heard, hold } = listening();
    const setBackMs = 3_600_000;
    clock.jumpWall(-setBackMs);
    hold(setBackMs + 60_000);
    clock.jumpWall(setBackMs);
    await clock.advance(61_000);
    expect(heard).toEqual([true, false]);
    ear.close();
  });

  it('is listened to no more once it is closed', async () => {
    const { clock, ear, heard, hold } = listening();
    hold(60_000);
    ear.close();
    hold(0);
    await clock.advance(120_000);
    expect(heard).toEqual([true]);
  });
});
