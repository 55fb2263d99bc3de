import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkDemo } from '../../../cli/demo/preflight.js';
import { manifestPathOf } from '../../../edge/vision/model/manifest.js';

const BUILT_IN_MODEL = 'edge/models/vedette-sim.onnx';

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'vedette-preflight-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const check = (model: string) =>
  checkDemo({ nodes: 1, json: false, port: 0, stateDir: join(dir, 'state'), seed: '1', model });

describe('what the demo looks at before it starts anything', () => {
  it('refuses an empty model file, with a hint', async () => {
    const model = join(dir, 'empty.onnx');
    await writeFile(model, '');
    await expect(check(model)).rejects.toMatchObject({
      code: 'model-invalid',
      exitCode: 78,
      message: `load model ${model}: not an ONNX model: the file is empty`,
      hint: expect.stringContaining('vedette model pull'),
    });
  });

  it('refuses a model file that was cut short, manifest or not', async () => {
    const model = join(dir, 'short.onnx');
    const whole = await readFile(BUILT_IN_MODEL);
    await writeFile(model, whole.subarray(0, whole.length >> 1));
    await expect(check(model)).rejects.toMatchObject({ exitCode: 78, hint: expect.any(String) });
    await writeFile(manifestPathOf(model), await readFile(manifestPathOf(BUILT_IN_MODEL)));
    await expect(check(model)).rejects.toMatchObject({ exitCode: 78, hint: expect.any(String) });
  });

  it('takes a whole model', async () => {
    expect(await check(BUILT_IN_MODEL)).toBeGreaterThan(0);
  });
});
