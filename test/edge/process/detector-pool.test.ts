import { afterEach, describe, expect, it } from 'vitest';
import { Random } from '../../../base/random.js';
import type { RgbPicture } from '../../../edge/capture/frame.js';
import { detectorCount, needsThread, viewCount } from '../../../edge/process/detector-count.js';
import { DetectorPool } from '../../../edge/process/detector-pool.js';
import { SharingConfig } from '../../../edge/sharing/config.js';
import { loadDetector } from '../../../edge/vision/detect/load-detector.js';
import { SceneCamera } from '../../../firmware-sim/scene/scene-camera.js';
import { compiledUrl } from '../../compiled.js';

const MODEL = 'edge/models/vedette-sim.onnx';
const workerUrl = () => compiledUrl('edge/process/detector-worker');
const pools: DetectorPool[] = [];
const open = async (instances: number, modelPath = MODEL) => {
  const pool = await DetectorPool.open({ modelPath, threads: 1, instances, workerUrl: workerUrl() });
  pools.push(pool);
  return pool;
};

afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close()));
});

function scenes(count: number): RgbPicture[] {
  const camera = new SceneCamera({ seed: 'pool', widthPx: 320, heightPx: 240, fps: 10, difficulty: 'demo' });
  return Array.from({ length: count }, (_, i) => {
    const data = camera.frame(100 + i * 20).rgb;
    return { kind: 'rgb' as const, widthPx: 320, heightPx: 240, data };
  });
}

describe('how many detectors a node runs', () => {
  it.each([
    ['auto', 1, 4, 1, 1],
    ['auto', 3, 4, 1, 3],
    ['auto', 8, 4, 1, 3],
    ['auto', 8, 4, 2, 1],
    ['auto', 2, 1, 1, 1],
    ['auto', 3, 2, 1, 1],
    [4, 1, 2, 1, 4],
  ] as const)('%s for %i views on %i cores, %i threads each: %i', (configured, views, cores, threads, expected) => {
    expect(detectorCount(configured, { views, cores, threads })).toBe(expected);
  });

  it('counts what it may have to look at for others', () => {
    const nothing = SharingConfig.parse({ sourcesMax: 16, offersMax: 4 });
    const camera = { source: { driver: 'sim', fps: 10 }, motion: { enabled: true } };
    expect(viewCount([camera], nothing)).toBe(1);
    expect(viewCount([], { ...nothing, sources: true })).toBe(16);
    expect(viewCount([camera, camera], { ...nothing, sources: true, offers: true })).toBe(22);
    const many = { ...nothing, offers: true, offersMax: 64 };
    expect(viewCount([camera, camera], many), 'what may wait starts no detectors').toBe(6);
  });

  it('counts as many as fit for a recording whose frames are all looked at, whatever they show', () => {
    const nothing = SharingConfig.parse({});
    const recording = { source: { driver: 'file', fps: 'max' }, motion: { enabled: false } };
    expect(viewCount([recording], nothing)).toBe(Number.POSITIVE_INFINITY);
    expect(detectorCount('auto', { views: viewCount([recording], nothing), cores: 4, threads: 1 })).toBe(3);
    expect(viewCount([{ ...recording, motion: { enabled: true } }], nothing)).toBe(1);
    expect(viewCount([{ ...recording, source: { driver: 'file', fps: 10 } }], nothing)).toBe(1);
    expect(viewCount([recording], { ...nothing, offers: true, offersMax: 4 }), 'others may look at them').toBe(5);
  });
});

describe('a thread of its own for the only detector', () => {
  it.each([
    [{ offers: false, recordings: 0, cores: 4 }, false],
    [{ offers: true, recordings: 0, cores: 1 }, true],
    [{ offers: false, recordings: 1, cores: 2 }, true],
    [{ offers: false, recordings: 1, cores: 1 }, false],
  ] as const)('%o: %s', (node, expected) => {
    expect(needsThread(node)).toBe(expected);
  });
});

describe('a pool of detectors', () => {
  it('sees in every picture what one detector sees, whoever looks and in whatever order', async () => {
    const pictures = scenes(8);
    const one = await loadDetector({ modelPath: MODEL });
    const expected = [];
    for (const picture of pictures) expected.push(await one.detect(picture, {}));
    await one.close();
    const pool = await open(2);
    expect(pool).toMatchObject({ labels: one.labels, inputWidthPx: one.inputWidthPx });
    expect(await Promise.all(pictures.map((picture) => pool.detect(picture, {})))).toEqual(expected);
    expect(expected.flat().length).toBeGreaterThan(3);
    const region = [20, 10, 300, 220] as const;
    const [first] = pictures;
    if (first === undefined) throw new Error('no picture');
    const again = await loadDetector({ modelPath: MODEL });
    expect(await pool.detect(first, { region, scoreMin: 0.2 })).toEqual(
      await again.detect(first, { region, scoreMin: 0.2 }),
    );
    await again.close();
  });

  it('makes ready what its thread looks at next, and no more', async () => {
    const pictures = scenes(3);
    const pool = await open(1);
    const expected = [];
    for (const picture of pictures) expected.push(await pool.detect(picture, {}));
    // Their pixels are gone as soon as each is made ready: the third waits for the first.
    const copies = pictures.map((picture) => ({ ...picture, data: Uint8Array.from(picture.data) }));
    const looking = copies.map((copy) => pool.detect(copy, {}));
    for (const { data } of copies.slice(0, 2)) data.fill(0);
    expect(await Promise.all(looking)).toEqual(expected);
    const late = copies.map((copy, i) => ({ ...copy, data: Uint8Array.from(pictures[i]?.data ?? []) }));
    const lateLooking = late.map((copy) => pool.detect(copy, {}));
    late[2]?.data.fill(0);
    expect((await Promise.all(lateLooking))[2]).toEqual([]);
    expect(pool.busyMs).toBeGreaterThan(0);
  });

  it('does not read pixels that change after the call: the frame goes back to its camera', async () => {
    const [picture] = scenes(1);
    if (picture === undefined) throw new Error('no picture');
    const pool = await open(1);
    const expected = await pool.detect(picture, {});
    const data = Uint8Array.from(picture.data);
    const looking = pool.detect({ ...picture, data }, {});
    data.fill(0);
    expect(await looking).toEqual(expected);
  });

  it('gives every camera its turn', async () => {
    const [picture] = scenes(1);
    if (picture === undefined) throw new Error('no picture');
    const pool = await open(1);
    const random = new Random(1);
    const counts = [0, 0, 0, 0];
    let left = 80;
    const camera = async (i: number) => {
      for (; left > 0; left--) {
        await pool.detect(picture, {});
        counts[i] = (counts[i] ?? 0) + 1;
        if (random.chance(0.3)) await new Promise((resolve) => setImmediate(resolve));
      }
    };
    await Promise.all(counts.map((_, i) => camera(i)));
    for (const count of counts) expect(count).toBeGreaterThan(10);
  });

  it('tells a wrong call as one failed look, and goes on', async () => {
    const [picture] = scenes(1);
    if (picture === undefined) throw new Error('no picture');
    const pool = await open(1);
    await expect(pool.detect(picture, { region: [0, 0, 9999, 10] })).rejects.toMatchObject({
      code: 'inference-failed',
      message: expect.stringContaining('region 0, 0, 9999, 10'),
    });
    expect(await pool.detect(picture, {})).toBeInstanceOf(Array);
  });

  it('fails as one detector does when the model cannot be loaded, and leaves no thread', async () => {
    await expect(open(2, 'no/such.onnx')).rejects.toMatchObject({ code: 'model-missing' });
  });

  it('rejects what is asked of it after its end', async () => {
    const [picture] = scenes(1);
    if (picture === undefined) throw new Error('no picture');
    const pool = await open(1);
    await pool.close();
    await expect(pool.detect(picture, {})).rejects.toThrow('closed');
  });
});
