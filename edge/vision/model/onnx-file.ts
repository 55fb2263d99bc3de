import { readFields } from './protobuf.js';

/** Element types as onnx.proto numbers them (TensorProto.DataType). */
const DTYPE_NAMES: Readonly<Record<number, string>> = {
  1: 'float32',
  2: 'uint8',
  3: 'int8',
  4: 'uint16',
  5: 'int16',
  6: 'int32',
  7: 'int64',
  8: 'string',
  9: 'bool',
  10: 'float16',
  11: 'float64',
  12: 'uint32',
  13: 'uint64',
  16: 'bfloat16',
};

/** Subgraphs nest in If, Loop and Scan; the deepest real export known has 2. */
const GRAPH_DEPTH_MAX = 8;

/** An input or output as the file declares it; a dimension that is not fixed is null. */
export type ValueShape = {
  readonly name: string;
  readonly dtype: string;
  readonly dims: readonly (number | null)[];
};

/** What an ONNX file says of itself; nothing of it has been run. */
export type OnnxDescription = {
  readonly irVersion: number;
  readonly producer: string;
  readonly opsets: readonly { readonly domain: string; readonly version: number }[];
  /** Inputs that must be fed; weights that an old export lists as inputs are left out. */
  readonly inputs: readonly ValueShape[];
  readonly outputs: readonly ValueShape[];
  /** Names of the weights that are listed as inputs too. */
  readonly weightInputs: readonly string[];
  readonly weightCount: number;
  /** Operator, with its domain if not the standard one -> number of nodes, subgraphs included. */
  readonly operators: ReadonlyMap<string, number>;
  /** What the exporter noted; Ultralytics writes task, class names and licence here. */
  readonly metadata: ReadonlyMap<string, string>;
  /** Names of tensors whose bytes lie in other files. */
  readonly externalTensors: readonly string[];
};

type Gathered = {
  operators: Map<string, number>;
  externalTensors: string[];
};

/**
 * Reads the protobuf of an ONNX file without a runtime.
 * Field numbers: onnx/onnx:onnx/onnx.proto.
 * @throws RangeError if the bytes are no ONNX model; says why.
 */
export function describeOnnx(bytes: Uint8Array): OnnxDescription {
  if (bytes.length === 0) throw new RangeError('the file is empty');
  let irVersion = 0;
  let producer = '';
  let graph: Uint8Array | undefined;
  const opsets: { domain: string; version: number }[] = [];
  const metadata = new Map<string, string>();
  const gathered: Gathered = { operators: new Map(), externalTensors: [] };
  for (const field of readFields(bytes)) {
    if (field.number === 1) irVersion = field.value ?? 0;
    else if (field.number === 2) producer = `${textOf(field.bytes)}${producer}`;
    else if (field.number === 3) producer = `${producer} ${textOf(field.bytes)}`.trim();
    else if (field.number === 7) {
      // A runtime would merge two; what was checked and what runs must be the same.
      if (graph !== undefined) throw new RangeError('it holds two graphs');
      graph = field.bytes;
    } else if (field.number === 8) opsets.push(readOpset(field.bytes));
    else if (field.number === 14) metadata.set(...readEntry(field.bytes));
    else if (field.number === 25) gatherNodes(field.bytes, 7, gathered, 0);
  }
  if (graph === undefined) throw new RangeError('it holds no graph');
  if (irVersion === 0 || opsets.length === 0) throw new RangeError('it names no ONNX version');
  return { irVersion, producer, opsets, metadata, ...readGraph(graph, gathered), ...gathered };
}

function readGraph(graph: Uint8Array, gathered: Gathered) {
  const weights = new Set<string>();
  const inputs: ValueShape[] = [];
  const outputs: ValueShape[] = [];
  for (const field of readFields(graph)) {
    if (field.number === 5) weights.add(tensorName(field.bytes));
    else if (field.number === 11) inputs.push(readValue(field.bytes));
    else if (field.number === 12) outputs.push(readValue(field.bytes));
  }
  gatherGraph(graph, gathered, 0);
  if (gathered.operators.size === 0) throw new RangeError('its graph holds no operator');
  return {
    inputs: inputs.filter((input) => !weights.has(input.name)),
    outputs,
    weightInputs: inputs.filter((input) => weights.has(input.name)).map((input) => input.name),
    weightCount: weights.size,
  };
}

function gatherGraph(graph: Uint8Array, gathered: Gathered, depth: number): void {
  if (depth > GRAPH_DEPTH_MAX) throw new RangeError(`its subgraphs nest deeper than ${GRAPH_DEPTH_MAX}`);
  gatherNodes(graph, 1, gathered, depth);
  for (const field of readFields(graph)) {
    if (field.number === 5) gatherTensor(field.bytes, gathered);
    if (field.number !== 15) continue;
    for (const part of readFields(field.bytes)) if (part.number < 3) gatherTensor(part.bytes, gathered);
  }
}

function gatherNodes(owner: Uint8Array, nodeField: number, gathered: Gathered, depth: number): void {
  for (const field of readFields(owner)) if (field.number === nodeField) gatherNode(field.bytes, gathered, depth);
}

function gatherNode(node: Uint8Array, gathered: Gathered, depth: number): void {
  let operator = '';
  let domain = '';
  for (const field of readFields(node)) {
    if (field.number === 4) operator = textOf(field.bytes);
    else if (field.number === 7) domain = textOf(field.bytes);
    else if (field.number === 5) gatherAttribute(field.bytes, gathered, depth);
  }
  const key = domain === '' || domain === 'ai.onnx' ? operator : `${domain}:${operator}`;
  gathered.operators.set(key, (gathered.operators.get(key) ?? 0) + 1);
}

function gatherAttribute(attribute: Uint8Array, gathered: Gathered, depth: number): void {
  for (const field of readFields(attribute)) {
    if (field.number === 5 || field.number === 10) gatherTensor(field.bytes, gathered);
    if (field.number === 6 || field.number === 11) gatherGraph(field.bytes, gathered, depth + 1);
  }
}

function gatherTensor(tensor: Uint8Array, gathered: Gathered): void {
  for (const field of readFields(tensor)) {
    const external = field.number === 13 || (field.number === 14 && field.value === 1);
    if (!external) continue;
    gathered.externalTensors.push(tensorName(tensor));
    return;
  }
}

function tensorName(tensor: Uint8Array): string {
  for (const field of readFields(tensor)) if (field.number === 8) return textOf(field.bytes);
  return '';
}

function readOpset(message: Uint8Array): { domain: string; version: number } {
  let domain = '';
  let version = 0;
  for (const field of readFields(message)) {
    if (field.number === 1) domain = textOf(field.bytes);
    else if (field.number === 2) version = field.value ?? 0;
  }
  return { domain, version };
}

function readEntry(message: Uint8Array): [key: string, value: string] {
  let key = '';
  let value = '';
  for (const field of readFields(message)) {
    if (field.number === 1) key = textOf(field.bytes);
    else if (field.number === 2) value = textOf(field.bytes);
  }
  return [key, value];
}

/** Reads a ValueInfoProto: name, element type, dimensions. */
export function readValue(message: Uint8Array): ValueShape {
  let name = '';
  let dtype = 'unknown';
  const dims: (number | null)[] = [];
  for (const field of readFields(message)) {
    if (field.number === 1) name = textOf(field.bytes);
    if (field.number !== 2) continue;
    for (const type of readFields(field.bytes)) {
      if (type.number !== 1) continue;
      for (const tensor of readFields(type.bytes)) {
        if (tensor.number === 1) dtype = DTYPE_NAMES[tensor.value ?? 0] ?? `type ${tensor.value}`;
        else if (tensor.number === 2) dims.push(...readDims(tensor.bytes));
      }
    }
  }
  return { name, dtype, dims };
}

// A dimension that is named, absent, not positive or negative (a varint above 2^53) is not fixed.
function readDims(shape: Uint8Array): (number | null)[] {
  const dims: (number | null)[] = [];
  for (const field of readFields(shape)) {
    if (field.number !== 1) continue;
    let dim: number | null = null;
    for (const part of readFields(field.bytes)) if (part.number === 1) dim = part.value ?? null;
    dims.push(dim !== null && dim > 0 && dim <= Number.MAX_SAFE_INTEGER ? dim : null);
  }
  return dims;
}

// Damaged text is shown as it can be; names are only compared and printed.
function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
