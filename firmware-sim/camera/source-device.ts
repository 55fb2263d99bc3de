import type { Clock } from '../../base/clock.js';
import { Counters } from '../../base/counters.js';
import { messageOf } from '../../base/errors.js';
import { Link } from '../../base/link/link.js';
import type { Log } from '../../base/log.js';
import type { Random } from '../../base/random.js';
import { routes } from '../../protocol/routes.js';
import { SCHEMA_MINOR } from '../../protocol/status.js';
import type { SceneFamily } from '../scene/backdrops/stage.js';
import { SceneCamera } from '../scene/scene-camera.js';
import { encodeJpeg } from './clip.js';

export type SourceDeviceOptions = {
  /** Broker addresses in order of preference. */
  readonly brokers: readonly string[];
  /** Name of the source: its user name and client id. */
  readonly source: string;
  readonly password?: string;
  readonly root: string;
  readonly seed: string | number;
  readonly family?: SceneFamily;
  readonly widthPx: number;
  readonly heightPx: number;
  /** Frames per second. */
  readonly fps: number;
  /** JPEG quality 1 to 100. */
  readonly quality: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
};

/**
 * A simulated camera without a detector, as an ESP32-CAM is one: it publishes JPEGs at QoS 0, says once what it is, and does
 * nothing else. A frame that the link does not take now is dropped and counted: the next one is newer. Runs until the signal
 * aborts. @returns frames sent and dropped.
 */
export async function runSourceDevice(
  options: SourceDeviceOptions,
  signal: AbortSignal,
): Promise<Readonly<Record<string, number>>> {
  const { source, fps, widthPx, heightPx, quality, clock, log } = options;
  const { brokers, password, root, random } = options;
  const link = new Link({
    ...{ url: brokers, clientId: source, username: source, root, clock, random, log },
    ...(password === undefined ? {} : { password }),
  });
  const camera = new SceneCamera({ ...options, difficulty: 'demo' });
  const counters = new Counters(['sent', 'dropped'] as const);
  const startedMonoMs = clock.monoMs();
  link.onUp(() => {
    const info = { v: SCHEMA_MINOR, contentType: 'image/jpeg', widthPx, heightPx, fps };
    link.publish(routes.sourceInfo, { source }, info).catch((error: unknown) => {
      log.debug('info not taken', { error: messageOf(error) });
    });
  });
  link.open();
  while (!signal.aborted) {
    const startMonoMs = clock.monoMs();
    if (link.isUp) {
      const { rgb } = camera.frame(Math.floor(((startMonoMs - startedMonoMs) * fps) / 1000));
      const jpeg = await encodeJpeg(rgb, widthPx, heightPx, quality);
      await link.publish(routes.sourceFrame, { source }, jpeg).then(
        () => counters.add('sent'),
        () => counters.add('dropped'),
      );
    }
    const restMs = 1000 / fps - (clock.monoMs() - startMonoMs);
    await clock.sleep(Math.max(0, restMs), signal).catch(() => {});
  }
  await link.close();
  return counters.snapshot();
}
