import { createHash } from 'node:crypto';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { SimulatedClock } from '../../../base/clock.js';
import type { Frame, RgbPicture } from '../../../edge/capture/frame.js';
import { decodePicture } from '../../../edge/capture/picture-decoder.js';
import { CandidateMaker } from '../../../edge/process/candidate-maker.js';
import { AUDIT_PICTURE_BYTES_MAX } from '../../../edge/sharing/audits/audit-limits.js';

const noise = (widthPx: number, heightPx: number): RgbPicture => {
  let state = 1;
  const data = Uint8Array.from({ length: widthPx * heightPx * 3 }, () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state >> 16;
  });
  return { kind: 'rgb', widthPx, heightPx, data };
};
const jpegOf = async ({ data, widthPx, heightPx }: RgbPicture) =>
  new Uint8Array(
    await sharp(data, { raw: { width: widthPx, height: heightPx, channels: 3 } })
      .jpeg()
      .toBuffer(),
  );
const frameOf = (picture: Frame['picture']): Frame => ({ index: 0, capturedAtMs: 5_000, capturedMonoMs: 0, picture });
const makerOf = (clock = new SimulatedClock(), asItCame = false) =>
  new CandidateMaker({ camera: 'front', isLive: true, asItCame, scoreMin: 0.4, clock });

describe('the picture of a record', () => {
  it('is the JPEG a camera gave, byte for byte, with its digest', async () => {
    const picture = noise(64, 48);
    const bytes = await jpegOf(picture);
    const candidate = await makerOf().make(frameOf({ kind: 'encoded', bytes }), picture, false);
    expect(candidate).toMatchObject({
      camera: 'front',
      capturedAtMs: 5_000,
      live: true,
      scoreMin: 0.4,
      isQuiet: false,
    });
    expect(candidate?.jpeg).toEqual(bytes);
    expect(candidate?.digest).toBe(createHash('sha256').update(bytes).digest('hex'));
  });

  it('is made of the pixels where there is no JPEG, the same for the same pixels', async () => {
    const picture = noise(64, 48);
    const [one, other] = [
      await makerOf().make(frameOf(picture), picture, true),
      await makerOf().make(frameOf(picture), picture, true),
    ];
    expect(one?.digest).toBe(other?.digest);
    expect(await decodePicture(one?.jpeg ?? new Uint8Array())).toMatchObject({ widthPx: 64, heightPx: 48 });
  });

  it('is made smaller until it can be sent, or is none where it must stay as it came', async () => {
    const picture = noise(900, 700);
    const bytes = await jpegOf(picture);
    expect(bytes.byteLength).toBeGreaterThan(AUDIT_PICTURE_BYTES_MAX);
    const frame = frameOf({ kind: 'encoded', bytes });
    const exact = makerOf(new SimulatedClock(), true);
    expect(await exact.make(frame, picture, false)).toBeUndefined();
    expect(exact.tooLarge).toBe(1);
    const small = await makerOf().make(frame, picture, false);
    expect(small === undefined || small.jpeg.byteLength <= AUDIT_PICTURE_BYTES_MAX).toBe(true);
  });

  it('is due every two seconds, and every thirty where nothing was seen', async () => {
    const clock = new SimulatedClock();
    const maker = makerOf(clock);
    const picture = noise(16, 16);
    expect([maker.isDue(false), maker.isDue(true)]).toEqual([true, true]);
    await maker.make(frameOf(picture), picture, true);
    expect([maker.isDue(false), maker.isDue(true)]).toEqual([false, false]);
    await clock.advance(2_000);
    expect([maker.isDue(false), maker.isDue(true)]).toEqual([true, false]);
    await clock.advance(28_000);
    expect(maker.isDue(true)).toBe(true);
  });
});
