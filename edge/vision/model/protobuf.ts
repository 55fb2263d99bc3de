/** One field of a protobuf message, with its place in the bytes it was read from. */
export type ProtobufField = {
  readonly number: number;
  /** Of a varint (wire type 0); above 2^53 no longer exact. Undefined for the other wire types. */
  readonly value: number | undefined;
  /** Content of a length-delimited field (wire type 2), a view, not a copy. Empty for the other wire types. */
  readonly bytes: Uint8Array;
  /** Offset of the field's tag and of the byte after its content. */
  readonly start: number;
  readonly end: number;
};

const EMPTY = new Uint8Array(0);

/**
 * The fields of one protobuf message in their order; groups and unknown wire types are refused.
 * Enough to describe an ONNX file before a runtime is trusted with it (protobuf.dev/programming-guides/encoding).
 * @throws RangeError where the bytes are no message.
 */
export function* readFields(message: Uint8Array): Generator<ProtobufField> {
  let offset = 0;
  while (offset < message.length) {
    const start = offset;
    const tag = readVarint(message, offset);
    offset = tag.end;
    const number = Math.floor(tag.value / 8);
    const wireType = tag.value % 8;
    if (number < 1 || number > 536_870_911) throw new RangeError(`field number ${number} at byte ${start}`);
    if (wireType === 0) {
      const varint = readVarint(message, offset);
      offset = varint.end;
      yield { number, value: varint.value, bytes: EMPTY, start, end: offset };
      continue;
    }
    const content = contentOf(message, offset, wireType);
    offset = content.end;
    if (offset > message.length) throw new RangeError(`field at byte ${start} is cut off`);
    const bytes = wireType === 2 ? message.subarray(content.start, content.end) : EMPTY;
    yield { number, value: undefined, bytes, start, end: offset };
  }
}

function contentOf(message: Uint8Array, offset: number, wireType: number): { start: number; end: number } {
  if (wireType === 1) return { start: offset, end: offset + 8 };
  if (wireType === 5) return { start: offset, end: offset + 4 };
  if (wireType !== 2) throw new RangeError(`wire type ${wireType} at byte ${offset}`);
  const length = readVarint(message, offset);
  return { start: length.end, end: length.end + length.value };
}

function readVarint(message: Uint8Array, offset: number): { value: number; end: number } {
  let value = 0;
  let factor = 1;
  for (let i = 0; i < 10; i++) {
    const byte = message[offset + i];
    if (byte === undefined) throw new RangeError(`number at byte ${offset} is cut off`);
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) return { value, end: offset + i + 1 };
    factor *= 128;
  }
  throw new RangeError(`number at byte ${offset} is longer than 10 bytes`);
}

/** A varint as bytes. */
export function encodeVarint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return Uint8Array.from(bytes);
}
