import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RecordLinesError, splitRecordLines } from '../../protocol/record-lines.js';

const encode = (text: string) => new TextEncoder().encode(text);
const space = fc.array(fc.constantFrom(' ', '\t', '\n', '\r'), { maxLength: 3 }).map((parts) => parts.join(''));
const key = fc.oneof(fc.string(), fc.string({ unit: 'binary' })).filter((name) => name !== 'r' && name !== '__proto__');
const value = fc.jsonValue({ maxDepth: 3 });

describe('splitRecordLines', () => {
  it('gives back what JSON.stringify made, byte for byte, whatever lies around it', () => {
    const field = fc.tuple(key, value);
    fc.assert(
      fc.property(
        fc.array(value, { maxLength: 8 }),
        fc.array(field, { maxLength: 3 }),
        fc.array(field, { maxLength: 3 }),
        fc.array(space, { minLength: 1, maxLength: 40 }),
        (records, before, after, spaces) => {
          let turn = 0;
          const gap = () => spaces[turn++ % spaces.length] ?? '';
          const texts = records.map((record) => JSON.stringify(record));
          const list = `[${gap()}${texts.map((text) => `${gap()}${text}${gap()}`).join(',')}]`;
          const pair = ([name, content]: [string, unknown]) =>
            `${gap()}${JSON.stringify(name)}${gap()}:${gap()}${JSON.stringify(content)}${gap()}`;
          const fields = [...before.map(pair), `${gap()}"r"${gap()}:${gap()}${list}${gap()}`, ...after.map(pair)];
          expect(splitRecordLines(encode(`${gap()}{${fields.join(',')}}${gap()}`))).toEqual(texts);
        },
      ),
    );
  });

  it('keeps spelling that a parser would lose: spaces, escapes, exponents, order of keys', () => {
    const lines = ['{ "s":1, "t":1e3 }', '{"b":2,"a":"\\u00e9\\"}"}', '{"s":3,"x":"]}{[,"}'];
    expect(splitRecordLines(encode(`{"v":1,"e":"x","r":[${lines.join(' , ')}]}`))).toEqual(lines);
  });

  it('takes the last of two lists, as the parser does, and none that lies deeper', () => {
    expect(splitRecordLines(encode('{"r":[1],"x":{"r":[2]},"r":[3]}'))).toEqual(['3']);
    expect(splitRecordLines(encode('{"r":[]}'))).toEqual([]);
  });

  it.each(['', '[1]', '{"x":{"r":[1]}}', '{"r":1}', '{"r":[1', '{"r":[{"a":1}', '{"r":["a', '{"r":[,]}'])(
    'refuses %j',
    (text) => {
      expect(() => splitRecordLines(encode(text))).toThrow(RecordLinesError);
    },
  );
});
