import { afterEach, describe, expect, test } from 'vitest';
import type { Frame } from '../../../edge/capture/frame.js';
import type { FrameSource } from '../../../edge/capture/frame-source.js';
import { isRunning } from './processes.js';

export type ContractSubject = {
  /** A source that gives at least 5 frames, not opened. */
  readonly make: () => FrameSource & { readonly pid?: number | undefined };
  /** The source waits for a long time before a frame, so that an abort can be seen to end the wait. */
  readonly makeSlow?: () => FrameSource;
};

const never = new AbortController().signal;

/** What every camera driver must keep. Run by the tests of each. */
export function frameSourceContract(name: string, subject: () => ContractSubject): void {
  describe(`${name} keeps the contract of a frame source`, () => {
    const opened: FrameSource[] = [];
    afterEach(async () => {
      await Promise.all(opened.splice(0).map((source) => source.close()));
    });
    const make = () => {
      const source = subject().make();
      opened.push(source);
      return source;
    };
    const readFive = async (source: FrameSource) => {
      const frames: Frame[] = [];
      for (let i = 0; i < 5; i++) {
        const frame = await source.read(never);
        if (frame === undefined) throw new Error(`ended after ${i} frames`);
        frames.push(frame);
      }
      return frames;
    };

    test('frames are numbered upwards from 0 and stamped in order', async () => {
      const source = make();
      await source.open(never);
      const frames = await readFive(source);
      expect(frames[0]?.index).toBe(0);
      for (const [i, frame] of frames.slice(1).entries()) {
        expect(frame.index).toBeGreaterThan(frames[i]?.index ?? Number.POSITIVE_INFINITY);
        expect(frame.capturedMonoMs).toBeGreaterThanOrEqual(frames[i]?.capturedMonoMs ?? Number.POSITIVE_INFINITY);
        expect(Math.abs(frame.capturedAtMs - Date.now())).toBeLessThan(60_000);
      }
    });

    test('a picture is whole: as many bytes as its size says, or an encoded one that is not empty', async () => {
      const source = make();
      await source.open(never);
      for (const { picture } of await readFive(source)) {
        if (picture.kind === 'encoded') expect(picture.bytes.byteLength).toBeGreaterThan(100);
        else expect(picture.data.byteLength).toBe(picture.widthPx * picture.heightPx * 3);
      }
    });

    test('a frame that was not given back is not written into again', async () => {
      const source = make();
      await source.open(never);
      const bytesOf = ({ picture }: Frame) => (picture.kind === 'rgb' ? picture.data : picture.bytes);
      const first = await source.read(never);
      if (first === undefined) throw new Error('no frame');
      const before = Buffer.from(bytesOf(first));
      for (const frame of (await readFive(source)).slice(0, 4)) {
        expect(bytesOf(frame).buffer === bytesOf(first).buffer).toBe(false);
      }
      expect(before.equals(bytesOf(first))).toBe(true);
    });

    test('close can come before open, twice, and in the middle of a read', async () => {
      await make().close();
      const source = make();
      await source.open(never);
      await source.read(never);
      const pending = source.read(never).catch((error: unknown) => error);
      await source.close();
      await source.close();
      await pending;
      await expect(source.read(never)).rejects.toThrow();
    });

    test('no process is left when close has come back', async () => {
      const source = make();
      await source.open(never);
      await source.read(never);
      const { pid } = source;
      await source.close();
      if (pid !== undefined) expect(isRunning(pid)).toBe(false);
    });

    test('an abort ends a read that waits, with the reason given', async () => {
      const source = (subject().makeSlow ?? subject().make)();
      opened.push(source);
      await source.open(never);
      const stop = new AbortController();
      const reason = new Error('enough');
      const reading = (async () => {
        for (;;) await source.read(stop.signal);
      })();
      reading.catch(() => {});
      setTimeout(() => stop.abort(reason), 30);
      await expect(reading).rejects.toBe(reason);
    });

    test('an abort before open is kept', async () => {
      await expect(make().open(AbortSignal.abort(new Error('too late')))).rejects.toThrow('too late');
    });
  });
}
