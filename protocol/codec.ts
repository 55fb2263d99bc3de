import { z } from 'zod';
import type { PayloadOf, Route } from './routes.js';

/** Why a payload was not taken: names the route and what was expected. */
export class PayloadError extends Error {
  readonly pattern: string;

  constructor(pattern: string, message: string) {
    super(`payload of ${pattern}: ${message}`);
    this.name = 'PayloadError';
    this.pattern = pattern;
  }
}

/** How deep a payload may nest: our deepest has 6 levels; the parser's own stack ends at some thousands. */
const NESTING_MAX = 16;

/** The JSON before a picture: two hundred boxes take 15 KiB. */
const HEAD_BYTES_MAX = 64 * 1024;
const LINE_FEED = 0x0a;

/**
 * Bytes from the wire to a checked value: size, UTF-8, JSON, nesting, schema, in this order.
 * `bytes` routes give back the same buffer, `picture` routes a view of it in `picture`, not copies.
 * @throws PayloadError
 */
export function decodePayload<R extends Route>(route: R, payload: Uint8Array): PayloadOf<R> {
  if (payload.byteLength > route.payloadBytesMax) {
    throw new PayloadError(route.pattern, `${payload.byteLength} bytes, allowed ${route.payloadBytesMax}`);
  }
  return checkValue(route, rawValue(route, payload));
}

function rawValue(route: Route, payload: Uint8Array): unknown {
  if (route.encoding === 'bytes') return payload;
  if (route.encoding === 'picture') return pictureValue(route, payload);
  const text = decodeUtf8(route, payload);
  return route.encoding === 'text' ? text : jsonValue(route, text);
}

function jsonValue(route: Route, text: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    throw new PayloadError(route.pattern, `not JSON (${error instanceof Error ? error.message : String(error)})`);
  }
}

// The picture is a view of the payload, not a copy.
function pictureValue(route: Route, payload: Uint8Array): unknown {
  const end = payload.subarray(0, HEAD_BYTES_MAX).indexOf(LINE_FEED);
  if (end < 0) {
    throw new PayloadError(route.pattern, `no line feed in the first ${HEAD_BYTES_MAX} bytes, allowed: JSON, LF, JPEG`);
  }
  const head = jsonValue(route, decodeUtf8(route, payload.subarray(0, end)));
  if (typeof head !== 'object' || head === null || Array.isArray(head)) {
    throw new PayloadError(route.pattern, 'no JSON object before the line feed');
  }
  return { ...head, picture: payload.subarray(end + 1) };
}

function decodeUtf8(route: Route, payload: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(payload);
  } catch {
    throw new PayloadError(route.pattern, 'not UTF-8');
  }
}

function checkValue<R extends Route>(route: R, value: unknown): PayloadOf<R> {
  const schema: z.ZodType<PayloadOf<R>> = schemaOf(route);
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new PayloadError(route.pattern, describeIssues(result.error));
}

// The one place where the compiler cannot see that a route's schema gives the route's payload.
function schemaOf<R extends Route>(route: R): z.ZodType<PayloadOf<R>>;
function schemaOf(route: Route): z.ZodType {
  return route.schema;
}

/** A value to bytes for the wire. @throws PayloadError if it is larger than the route allows. */
export function encodePayload<R extends Route>(route: R, value: PayloadOf<R>): Uint8Array {
  const payload = encodeValue(route, value);
  if (payload.byteLength > route.payloadBytesMax) {
    throw new PayloadError(route.pattern, `${payload.byteLength} bytes to send, allowed ${route.payloadBytesMax}`);
  }
  return payload;
}

function encodeValue(route: Route, value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (route.encoding === 'text') return new TextEncoder().encode(String(value));
  if (route.encoding === 'picture') return encodePicture(value);
  return new TextEncoder().encode(JSON.stringify(value));
}

// JSON.stringify never writes a line feed.
function encodePicture(value: unknown): Uint8Array {
  const { picture, ...head } = z.looseObject({ picture: z.instanceof(Uint8Array) }).parse(value);
  const json = new TextEncoder().encode(`${JSON.stringify(head)}\n`);
  const payload = new Uint8Array(json.byteLength + picture.byteLength);
  payload.set(json);
  payload.set(picture, json.byteLength);
  return payload;
}

/**
 * Text to a value, refusing what nests deeper than any payload of ours.
 * @throws SyntaxError
 */
export function parseJson(text: string): unknown {
  checkNesting(text);
  return JSON.parse(text);
}

// Counts brackets outside strings, so that "[[[[..." is refused before a recursive reader sees it.
function checkNesting(text: string): void {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (inString) {
      if (code === 92) i++;
      else if (code === 34) inString = false;
    } else if (code === 34) inString = true;
    else if (code === 91 || code === 123) {
      if (++depth > NESTING_MAX) throw new SyntaxError(`nested deeper than ${NESTING_MAX} levels`);
    } else if (code === 93 || code === 125) depth--;
  }
}

/** All problems of a value in one line: `gen: expected number; sid: required`. */
export function describeIssues(error: z.ZodError): string {
  return error.issues
    .slice(0, 8)
    .map((issue) => (issue.path.length > 0 ? `${issue.path.join('.')}: ${issue.message}` : issue.message))
    .join('; ');
}
