import { SystemClock } from '../../base/clock.js';
import { SourceConfig } from '../../edge/capture/config.js';
import { FrameBuffers } from '../../edge/capture/frame-buffers.js';
import { makeFrameSource } from '../../edge/capture/source-factory.js';
import { endedChildrenCpuMs } from './process-cost.js';

export type DriverCost = { readonly fps: number; readonly ownCpuMs: number; readonly programCpuMs: number };

/**
 * Reads so many frames from a driver as fast as it gives them.
 * @returns frames/s, and processor time per frame in ms: of this process, and of the programs the driver started.
 */
export async function readFrames(source: unknown, frames: number, simCommand: readonly string[]): Promise<DriverCost> {
  const clock = new SystemClock();
  const buffers = new FrameBuffers();
  const never = new AbortController().signal;
  const driver = makeFrameSource(SourceConfig.parse(source), { clock, buffers, simCommand });
  const childrenBeforeMs = endedChildrenCpuMs();
  await driver.open(never);
  // The first one comes when the program has started; it is not counted.
  await readOne();
  const own = process.cpuUsage();
  const startedMs = clock.monoMs();
  let read = 0;
  while (read < frames && (await readOne())) read++;
  const elapsedMs = clock.monoMs() - startedMs;
  const used = process.cpuUsage(own);
  await driver.close();
  return {
    fps: (read * 1000) / elapsedMs,
    ownCpuMs: (used.user + used.system) / 1000 / read,
    programCpuMs: (endedChildrenCpuMs() - childrenBeforeMs) / read,
  };

  async function readOne(): Promise<boolean> {
    const frame = await driver.read(never);
    if (frame?.picture.kind === 'rgb') buffers.release(frame.picture.data);
    return frame !== undefined;
  }
}
