import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { withConstantWeights } from '../../../../edge/vision/model/onnx-constants.js';
import { describeOnnx } from '../../../../edge/vision/model/onnx-file.js';
import { refusalOf } from '../../../../edge/vision/model/onnx-rules.js';
import { encodeVarint, readFields } from '../../../../edge/vision/model/protobuf.js';
import {
  bytesField,
  constantModel,
  encodeGraph,
  encodeModel,
  type Model,
  type Value,
  type Weight,
} from '../onnx-builder.js';

const IMAGES: Value = { name: 'images', dtype: 'float32', dims: ['batch', 3, 64, 64] };
const SCALE: Weight = { name: 'scale', dtype: 'float32', dims: [1], values: [2] };
const OUT: Value = { name: 'out', dtype: 'float32', dims: [1, 3, 64, 64] };
/** An old export: its weight is an input too. */
const OLD: Model = {
  inputs: [IMAGES, SCALE],
  outputs: [OUT],
  nodes: [{ op: 'Mul', inputs: ['images', 'scale'], outputs: ['out'] }],
  weights: [SCALE],
  irVersion: 3,
  metadata: { names: "{0: 'person'}" },
};

function refusal(model: Partial<Model>, allowLoop = false): string | undefined {
  return refusalOf(describeOnnx(encodeModel({ ...OLD, ...model })), allowLoop);
}

describe('what an ONNX file says of itself', () => {
  it('names inputs without weights, outputs, operators, versions and notes', () => {
    expect(describeOnnx(encodeModel(OLD))).toEqual({
      irVersion: 3,
      producer: 'vedette tests',
      opsets: [{ domain: '', version: 13 }],
      metadata: new Map([['names', "{0: 'person'}"]]),
      inputs: [{ name: 'images', dtype: 'float32', dims: [null, 3, 64, 64] }],
      outputs: [{ name: 'out', dtype: 'float32', dims: [1, 3, 64, 64] }],
      weightInputs: ['scale'],
      weightCount: 1,
      operators: new Map([['Mul', 1]]),
      externalTensors: [],
    });
  });

  it.each([
    ['nothing', new Uint8Array(0), 'empty'],
    ['text', new TextEncoder().encode('version https://git-lfs.github.com/spec/v1\n'), 'wire type'],
    ['a page of a web site', new TextEncoder().encode('<!DOCTYPE html><html>'), 'wire type'],
    ['a graph without a version', bytesField(7, encodeGraph(OLD)), 'names no ONNX version'],
    ['a version without a graph', Uint8Array.of(8, 7), 'holds no graph'],
    ['no operator', encodeModel({ ...OLD, nodes: [] }), 'no operator'],
    [
      'two graphs, of which a runtime would make one',
      Uint8Array.from([...encodeModel(OLD), ...bytesField(7, encodeGraph(OLD))]),
      'two graphs',
    ],
  ])('is refused for %s', (_what, bytes, message) => {
    expect(() => describeOnnx(bytes)).toThrow(RangeError);
    expect(() => describeOnnx(bytes)).toThrow(message);
  });

  it('is refused wherever the file is cut off', () => {
    const whole = encodeModel(OLD);
    const graphEnd = [...readFields(whole)].find(({ number }) => number === 7)?.end ?? 0;
    for (let length = 0; length < graphEnd; length++) {
      expect(() => describeOnnx(whole.subarray(0, length))).toThrow(RangeError);
    }
  });

  it('is a description or a RangeError, whatever bytes are changed', () => {
    const whole = encodeModel(OLD);
    const change = fc.tuple(fc.nat(whole.length - 1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), (changes) => {
        const bytes = Uint8Array.from(whole);
        for (const [at, value] of changes) bytes[at] = value;
        try {
          expect(describeOnnx(bytes).operators.size).toBeGreaterThan(0);
        } catch (error) {
          if (!(error instanceof RangeError)) throw error;
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('protobuf', () => {
  it('reads back every number it writes', () => {
    fc.assert(
      fc.property(fc.nat(Number.MAX_SAFE_INTEGER), (value) => {
        const [field] = readFields(Uint8Array.from([8, ...encodeVarint(value)]));
        expect(field).toMatchObject({ number: 1, value });
      }),
    );
  });
});

describe('rules for models', () => {
  it('lets through what detectors are made of', () => {
    expect(refusal({})).toBeUndefined();
    expect(refusal({ nodes: [{ op: 'QLinearAdd', domain: 'com.microsoft', outputs: ['out'] }] })).toBeUndefined();
  });

  it.each([
    [
      'an operator of a custom domain',
      { nodes: [{ op: 'Nms', domain: 'acme.ops', outputs: ['out'] }] },
      'acme.ops:Nms',
    ],
    ['an operator that is not known', { nodes: [{ op: 'Frobnicate', outputs: ['out'] }] }, 'Frobnicate'],
    ['an endless loop', { nodes: [{ op: 'Loop', outputs: ['out'] }] }, 'operator Loop'],
    ['weights in another file', { weights: [{ ...SCALE, external: '../../etc/passwd' }] }, 'other files (scale'],
    ['an operator set of the future', { opset: 99 }, 'operator set 99, allowed 7 to'],
    ['an operator set nobody runs', { opset: 6 }, 'operator set 6'],
  ])('refuse %s by name', (_what, model, message) => {
    expect(refusal(model)).toContain(message);
  });

  it('see into subgraphs', () => {
    const subgraph = encodeGraph({ inputs: [], outputs: [], nodes: [{ op: 'Loop', outputs: ['x'] }] });
    expect(refusal({ nodes: [{ op: 'If', outputs: ['out'], subgraph }] })).toContain('operator Loop');
    const hidden = encodeGraph({ inputs: [], outputs: [], nodes: [], weights: [{ ...SCALE, external: 'x' }] });
    expect(refusal({ nodes: [{ op: 'If', outputs: ['out'], subgraph: hidden }] })).toContain('other files');
  });

  it('allow Loop to who says that it is SSD', () => {
    expect(refusal({ nodes: [{ op: 'Loop', outputs: ['out'] }] }, true)).toBeUndefined();
  });
});

describe('weights as constants', () => {
  it('leave the inputs and nothing else, and the version allows it', () => {
    const before = describeOnnx(encodeModel(OLD));
    const after = describeOnnx(withConstantWeights(encodeModel(OLD), before.weightInputs));
    expect(after).toEqual({ ...before, weightInputs: [], irVersion: 4 });
  });

  it('are left as they are where none is an input: the same bytes', () => {
    const bytes = constantModel([IMAGES], [{ ...OUT, dims: [1, 1], values: [1] }]);
    expect(withConstantWeights(bytes, describeOnnx(bytes).weightInputs)).toBe(bytes);
  });
});
