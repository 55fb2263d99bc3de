import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { SystemClock } from '../../../base/clock.js';
import { silentLog } from '../../../base/log.js';
import { Random } from '../../../base/random.js';
import { Camera } from '../../../edge/capture/camera.js';
import { SourceConfig, sourceTraits } from '../../../edge/capture/config.js';
import { StreamSource } from '../../../edge/capture/stream/stream-source.js';
import { eventually } from '../../eventually.js';
import { describeWithFixtures } from '../../fixtures.js';
import { isRunning } from './processes.js';
import { RtspServer } from './rtsp-server.js';

const WAIT_MS = 60_000;

/** A camera over an RTSP server, its frames taken as they come; `pids` are the programs that gave some. */
function watch(url: string) {
  const config = SourceConfig.parse({ driver: 'rtsp', url, timeoutMs: 1500, fps: 10, widthPx: 320 });
  if (config.driver !== 'rtsp') throw new Error('no RTSP');
  const clock = new SystemClock();
  const sources: StreamSource[] = [];
  const told: string[] = [];
  const pids: number[] = [];
  /** Programs of earlier lives that still ran when the next one began. */
  const leftBehind: number[] = [];
  const camera = new Camera({
    id: 'yard',
    makeSource: (buffers) => {
      leftBehind.push(...pids.filter(isRunning));
      const source = new StreamSource(config, clock, buffers);
      sources.push(source);
      return source;
    },
    traits: sourceTraits(config),
    clock,
    random: new Random('yard'),
    log: silentLog,
    onState: (status) => told.push(status.reason ?? 'ok'),
  });
  const stop = new AbortController();
  const running = camera.run(stop.signal);
  const taking = (async () => {
    while ((await camera.slot.take(stop.signal)) !== undefined) {
      const pid = sources.at(-1)?.pid;
      if (pid !== undefined && !pids.includes(pid)) pids.push(pid);
    }
  })().catch(() => {});
  const close = async () => {
    stop.abort();
    await Promise.all([running, taking]);
  };
  return { camera, pids, told, leftBehind, close };
}

describeWithFixtures('an IP camera', (dir) => {
  test('that breaks in one way after the other is told each time, and comes back, with one ffmpeg at a time', async () => {
    const server = await RtspServer.start({
      input: ['-stream_loop', '-1', '-i', resolve(dir, 'videos/one-person-room.mp4')],
    });
    const { camera, pids, told, leftBehind, close } = watch(server.url);
    try {
      const seesAgain = async (what: string) => {
        const frames = camera.counters().frames ?? 0;
        await eventually(() => camera.status().ok && (camera.counters().frames ?? 0) > frames + 3, what, WAIT_MS);
      };
      await seesAgain('it gives frames');
      server.breakBy('garbage');
      await eventually(() => server.garbled > 20, 'garbage was sent', WAIT_MS);
      server.breakBy('none');
      await seesAgain('it gives frames after garbage');
      const breaks: readonly [string, () => void][] = [
        ['stall', () => server.breakBy('stall')],
        ['disconnect', () => server.disconnectAll()],
        ['half a packet', () => server.breakBy('half')],
      ];
      for (const [what, breakIt] of breaks) {
        breakIt();
        await eventually(() => !camera.status().ok, `${what} is told`, WAIT_MS);
        server.breakBy('none');
        await seesAgain(`it gives frames after ${what}`);
      }
      expect(told.filter((reason) => reason === 'ok').length).toBeGreaterThanOrEqual(4);
      expect(told).toContain('frozen');
      expect(told).toContain('unplugged');
      expect(pids.length).toBeGreaterThanOrEqual(4);
      expect(leftBehind).toEqual([]);
    } finally {
      await close();
      await server.close();
      expect(pids.filter(isRunning)).toEqual([]);
    }
  }, 240_000);
});
