/** The payload has no array `r` at its top level, or is no JSON object. */
export class RecordLinesError extends Error {}

const QUOTE = 34;
const COMMA = 44;
const COLON = 58;
const OPEN_ARRAY = 91;
const BACKSLASH = 92;
const CLOSE_ARRAY = 93;
const OPEN_OBJECT = 123;
const CLOSE_OBJECT = 125;

/**
 * The exact texts of the elements of `r` in a `live` or `fill` payload: hashes are over records as they were published, and
 * a parsed record written again need not have the same bytes. White space around an element is not part of it.
 * @param payload UTF-8 JSON that was decoded successfully; anything else may give nonsense, but ends.
 * @throws RecordLinesError
 */
export function splitRecordLines(payload: Uint8Array): string[] {
  const text = new TextDecoder('utf-8', { fatal: true }).decode(payload);
  const start = findArray(text, 'r');
  const lines: string[] = [];
  let at = start;
  for (;;) {
    at = skipSpace(text, at);
    if (text.charCodeAt(at) === CLOSE_ARRAY) return lines;
    const end = skipValue(text, at);
    lines.push(text.slice(at, end));
    at = skipSpace(text, end);
    if (text.charCodeAt(at) === COMMA) at++;
    else if (text.charCodeAt(at) !== CLOSE_ARRAY) throw new RecordLinesError('the list of records is cut');
  }
}

// Index behind the bracket that opens the array of a key of the outermost object. The last one counts, as for JSON.parse.
function findArray(text: string, wanted: string): number {
  let at = skipSpace(text, 0);
  if (text.charCodeAt(at) !== OPEN_OBJECT) throw new RecordLinesError('no JSON object');
  at++;
  let found: number | undefined;
  for (;;) {
    at = skipSpace(text, at);
    if (text.charCodeAt(at) !== QUOTE) break;
    const keyEnd = skipString(text, at);
    const key = text.slice(at + 1, keyEnd - 1);
    at = skipSpace(text, keyEnd);
    if (text.charCodeAt(at) !== COLON) break;
    at = skipSpace(text, at + 1);
    if (key === wanted && text.charCodeAt(at) === OPEN_ARRAY) found = at + 1;
    at = skipSpace(text, skipValue(text, at));
    if (text.charCodeAt(at) !== COMMA) break;
    at++;
  }
  if (found === undefined) throw new RecordLinesError(`no list ${JSON.stringify(wanted)}`);
  return found;
}

function skipSpace(text: string, from: number): number {
  let at = from;
  for (;;) {
    const code = text.charCodeAt(at);
    if (code !== 32 && code !== 9 && code !== 10 && code !== 13) return at;
    at++;
  }
}

function skipString(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === BACKSLASH) at++;
    else if (code === QUOTE) return at + 1;
  }
  throw new RecordLinesError('a string is cut');
}

// Index behind a value: a nested one is skipped by counting brackets outside strings.
function skipValue(text: string, from: number): number {
  const first = text.charCodeAt(from);
  if (first === QUOTE) return skipString(text, from);
  if (first !== OPEN_OBJECT && first !== OPEN_ARRAY) return skipScalar(text, from);
  let depth = 0;
  let at = from;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = skipString(text, at);
      continue;
    }
    if (code === OPEN_OBJECT || code === OPEN_ARRAY) depth++;
    else if ((code === CLOSE_OBJECT || code === CLOSE_ARRAY) && --depth === 0) return at + 1;
    at++;
  }
  throw new RecordLinesError('a value is cut');
}

function skipScalar(text: string, from: number): number {
  let at = from;
  while (at < text.length && /[-+.0-9A-Za-z]/.test(text.charAt(at))) at++;
  if (at === from) throw new RecordLinesError('a value is missing');
  return at;
}
