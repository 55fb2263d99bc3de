import { encodeVarint } from '../../../edge/vision/model/protobuf.js';

/** Element types of onnx.proto that tests need. */
const DTYPES = { float32: 1, uint8: 2, int32: 6, int64: 7, bool: 9 } as const;

type Dtype = keyof typeof DTYPES;
export type Value = { readonly name: string; readonly dtype: Dtype; readonly dims: readonly (number | string)[] };
export type Weight = Value & { readonly values: readonly number[]; readonly external?: string };
export type Node = {
  readonly op: string;
  readonly domain?: string;
  readonly inputs?: readonly string[];
  readonly outputs: readonly string[];
  readonly subgraph?: Uint8Array;
  /** Whole numbers by name. */
  readonly attributes?: Readonly<Record<string, number>>;
};

export type Graph = {
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly nodes: readonly Node[];
  readonly weights?: readonly Weight[];
};

export type Model = Graph & {
  readonly opset?: number;
  readonly irVersion?: number;
  readonly domains?: readonly string[];
  readonly metadata?: Readonly<Record<string, string>>;
};

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

function join(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}

/** One length-delimited field. */
export function bytesField(number: number, content: Uint8Array): Uint8Array {
  return join([encodeVarint(number * 8 + 2), encodeVarint(content.length), content]);
}

function numberField(number: number, value: number): Uint8Array {
  return join([encodeVarint(number * 8), encodeVarint(value)]);
}

function encodeValue({ name, dtype, dims }: Value): Uint8Array {
  const shape = dims.map((dim) =>
    bytesField(1, typeof dim === 'number' ? numberField(1, dim) : bytesField(2, utf8(dim))),
  );
  const tensor = join([numberField(1, DTYPES[dtype]), bytesField(2, join(shape))]);
  return join([bytesField(1, utf8(name)), bytesField(2, bytesField(1, tensor))]);
}

function rawData(dtype: Dtype, values: readonly number[]): Uint8Array {
  if (dtype === 'float32') return new Uint8Array(Float32Array.from(values).buffer);
  if (dtype === 'int32') return new Uint8Array(Int32Array.from(values).buffer);
  if (dtype === 'int64') return new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
  return Uint8Array.from(values);
}

function encodeWeight({ name, dtype, dims, values, external }: Weight): Uint8Array {
  const sizes = dims.map((dim) => numberField(1, Number(dim)));
  const head = [...sizes, numberField(2, DTYPES[dtype]), bytesField(8, utf8(name))];
  if (external === undefined) return join([...head, bytesField(9, rawData(dtype, values))]);
  const location = join([bytesField(1, utf8('location')), bytesField(2, utf8(external))]);
  return join([...head, bytesField(13, location), numberField(14, 1)]);
}

function encodeNode({ op, domain, inputs, outputs, subgraph, attributes }: Node): Uint8Array {
  const parts = [...(inputs ?? []).map((input) => bytesField(1, utf8(input)))];
  parts.push(...outputs.map((output) => bytesField(2, utf8(output))), bytesField(4, utf8(op)));
  if (domain !== undefined) parts.push(bytesField(7, utf8(domain)));
  for (const [name, value] of Object.entries(attributes ?? {})) {
    parts.push(bytesField(5, join([bytesField(1, utf8(name)), numberField(3, value), numberField(20, 2)])));
  }
  if (subgraph !== undefined) {
    parts.push(bytesField(5, join([bytesField(1, utf8('body')), bytesField(6, subgraph), numberField(20, 5)])));
  }
  return join(parts);
}

/** A GraphProto. */
export function encodeGraph({ inputs, outputs, nodes, weights }: Graph): Uint8Array {
  return join([
    ...nodes.map((node) => bytesField(1, encodeNode(node))),
    bytesField(2, utf8('test')),
    ...(weights ?? []).map((weight) => bytesField(5, encodeWeight(weight))),
    ...inputs.map((input) => bytesField(11, encodeValue(input))),
    ...outputs.map((output) => bytesField(12, encodeValue(output))),
  ]);
}

/** The bytes of a model file that onnxruntime loads. */
export function encodeModel(model: Model): Uint8Array {
  const opsets = [['', model.opset ?? 13] as const, ...(model.domains ?? []).map((domain) => [domain, 1] as const)];
  return join([
    numberField(1, model.irVersion ?? 7),
    bytesField(2, utf8('vedette tests')),
    bytesField(7, encodeGraph(model)),
    ...opsets.map(([domain, version]) => bytesField(8, join([bytesField(1, utf8(domain)), numberField(2, version)]))),
    ...Object.entries(model.metadata ?? {}).map(([key, value]) =>
      bytesField(14, join([bytesField(1, utf8(key)), bytesField(2, utf8(value))])),
    ),
  ]);
}

/** A model that gives the same outputs whatever it sees. */
export function constantModel(
  inputs: readonly Value[],
  outputs: readonly Weight[],
  extra: Partial<Model> = {},
): Uint8Array {
  return encodeModel({
    inputs,
    outputs: outputs.map(({ name, dtype, dims }) => ({ name, dtype, dims })),
    nodes: outputs.map(({ name }) => ({ op: 'Identity', inputs: [`${name}_values`], outputs: [name] })),
    weights: outputs.map((output) => ({ ...output, name: `${output.name}_values` })),
    ...extra,
  });
}
