import { describe, expect, it } from 'vitest';
import { numberAt, parseJsonPath } from '../../../edge/sensing/json-value.js';

function at(text: string, path: string): number {
  const steps = parseJsonPath(path);
  if (steps === undefined) throw new Error('no path');
  return numberAt(text, steps);
}

describe('a number in a JSON text', () => {
  it('is found by names, indices and names in quotes', () => {
    expect(at('{"temperature":21.5}', 'temperature')).toBe(21.5);
    expect(at('{"ENERGY":{"Power":[1,2]}}', 'ENERGY.Power[1]')).toBe(2);
    expect(at('{"a b":{"c.d":3}}', '["a b"]["c.d"]')).toBe(3);
    expect(at('[[4]]', '[0][0]')).toBe(4);
  });

  it('is the whole message without a path, also as the words of switches', () => {
    expect(at(' 17.25\n', '')).toBe(17.25);
    expect([at('ON', ''), at('off', ''), at('{"state":"ON"}', 'state'), at('{"open":true}', 'open')]).toEqual([
      1, 0, 1, 1,
    ]);
    expect(at('{"t":"21.5"}', 't')).toBe(21.5);
  });

  it.each([
    ['{"a":1}', 'b', 'nothing at "b"'],
    ['{"a":[1]}', 'a[1]', 'nothing at "a.1"'],
    ['{"a":1}', 'constructor', 'nothing at "constructor"'],
    ['{"a":"warm"}', 'a', 'no number: "warm"'],
    ['{"a":null}', 'a', 'no number: null'],
    ['{"a":1e999}', 'a', 'no number: null'],
    ['unavailable', 'a', 'no JSON: "unavailable"'],
    ['', '', 'no number: ""'],
  ])('is not in %s at %s', (text, path, words) => {
    expect(() => at(text, path)).toThrow(words);
  });

  it('is not looked for in what nests without end', () => {
    expect(() => at('['.repeat(5000), 'a')).toThrow('no JSON');
  });

  it.each(['a..b', '.a', 'a[', 'a[x]', 'a["b]', 'a]', '["a\\"b"]', 'a[0]b'])('has no path %s', (path) => {
    expect(parseJsonPath(path)).toBeUndefined();
  });
});
