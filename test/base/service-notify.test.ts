import { describe, expect, it } from 'vitest';
import { SimulatedClock } from '../../base/clock.js';
import { OperationError } from '../../base/errors.js';
import { silentLog } from '../../base/log.js';
import { ServiceNotify } from '../../base/service-notify.js';

function notifier(env: Record<string, string>, fail = false) {
  const clock = new SimulatedClock();
  const sent: string[][] = [];
  const send = async (fields: readonly string[]) => {
    if (fail) throw new Error('connection refused');
    sent.push([...fields]);
  };
  return { clock, sent, notify: new ServiceNotify({ env, clock, log: silentLog, send }) };
}

const SOCKET = { NOTIFY_SOCKET: '/run/systemd/notify' };

describe('notices to the service manager', () => {
  it('says nothing where nobody listens', async () => {
    const { notify, sent, clock } = notifier({ WATCHDOG_USEC: '30000000' });
    await notify.ready();
    await clock.advance(60_000);
    notify.progress();
    await notify.stopping();
    expect(sent).toEqual([]);
  });

  it('is ready once, with its status on one line', async () => {
    const { notify, sent } = notifier(SOCKET);
    await notify.ready('3 cameras\nREADY=0');
    expect(sent).toEqual([['READY=1', 'STATUS=3 cameras READY=0', 'WATCHDOG=1']]);
  });

  it('feeds the watchdog by progress, at most every third of its time', async () => {
    const { notify, sent, clock } = notifier({ ...SOCKET, WATCHDOG_USEC: '30000000' });
    await notify.ready();
    sent.length = 0;
    for (let second = 0; second < 30; second++) {
      await clock.advance(1_000);
      notify.progress('fine');
    }
    await clock.advance(0);
    expect(sent).toEqual(Array.from({ length: 3 }, () => ['WATCHDOG=1', 'STATUS=fine']));
  });

  it('feeds nothing without progress, however much time passes', async () => {
    const { notify, sent, clock } = notifier({ ...SOCKET, WATCHDOG_USEC: '30000000' });
    await notify.ready();
    await clock.advance(300_000);
    expect(sent).toHaveLength(1);
  });

  it("leaves another process's watchdog alone", async () => {
    const { notify, sent, clock } = notifier({ ...SOCKET, WATCHDOG_USEC: '30000000', WATCHDOG_PID: '1' });
    await clock.advance(60_000);
    notify.progress();
    await clock.advance(0);
    expect(sent).toEqual([]);
  });

  it('ends the start with one clear error when it cannot say that it is ready', async () => {
    const { notify } = notifier(SOCKET, true);
    const error = await notify.ready().catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(OperationError);
    expect(String(error)).toContain('notify systemd: connection refused');
  });

  it('survives a service manager that stops listening later', async () => {
    const { notify, clock } = notifier({ ...SOCKET, WATCHDOG_USEC: '30000000' }, true);
    await clock.advance(60_000);
    notify.progress();
    await notify.stopping();
  });

  it('runs the real systemd-notify, and names what it said', async () => {
    const env = { NOTIFY_SOCKET: '/nonexistent/notify' };
    const notify = new ServiceNotify({ env, clock: new SimulatedClock(), log: silentLog });
    await expect(notify.ready()).rejects.toThrow(/notify systemd: ./);
  });
});
