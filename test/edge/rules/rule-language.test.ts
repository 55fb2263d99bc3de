import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ExpressionError } from '../../../edge/rules/expression/expression-error.js';
import { EXPRESSION_CHARS_MAX, EXPRESSION_STEPS_MAX } from '../../../edge/rules/expression/expression-limits.js';
import { hasVariable } from '../../../edge/rules/expression/expression-scope.js';
import { RuleLanguage } from '../../../edge/rules/expression/rule-language.js';
import { person, reading, SCOPE, say, seeingFacts, T0 } from './rule-world.js';

/** `offset: message` of what is wrong with a condition. */
function faultOf(text: string): string {
  try {
    new RuleLanguage(SCOPE, seeingFacts()).compile(text, 'condition');
  } catch (error) {
    if (error instanceof ExpressionError) return `${error.at}: ${error.message}`;
    throw error;
  }
  return 'none';
}

describe('what an expression can ask', () => {
  const facts = seeingFacts();
  facts.setReading('temperature', reading(31.5));
  facts.setReading('air-quality', reading(650));
  facts.setReading('1st-floor', reading(19));
  facts.applyTrack(person('front', 1, ['gate']), T0 - 12_000);
  facts.applyTrack(person('front', 2, ['yard']), T0 - 2_000);
  facts.applyTrack(person('back', 1, ['yard'], { label: 'car', stationary: true }), T0 - 90_000);
  facts.setMotion('front', true);

  it.each([
    ['temperature > 30.0', true],
    // Comparing needs no point, only calculating does.
    ['temperature > 30', true],
    ['air_quality - 600.0', 50],
    ['sensor("1st-floor") + 1.0', 20],
    ['sensor("air-quality") == air_quality', true],
    ['sensor_ok("temperature")', true],
    ['count("person")', 2],
    ['count("person", "gate")', 1],
    ['count("person", "front")', 2],
    ['count("person", "back")', 0],
    // A zone of two cameras is counted in both.
    ['count("person", "yard") + count("car", "yard")', 2],
    ['count("car", "front", "yard")', 0],
    ['count("car", "back", "yard")', 1],
    ['count("unicorn")', 0],
    ['size(tracks())', 3],
    ['tracks("back").exists(t, t.label == "car" && t.stationary && t.seconds >= 90.0)', true],
    ['tracks().all(t, t.score > 0.5 && t.id < 3)', true],
    ['tracks().filter(t, "yard" in t.zones).size()', 2],
    ['size(tracks().map(t, t.seconds))', 3],
    ['motion("front")', true],
    ['camera_ok("front") && fps("front") > 5.0', true],
    ['hour >= 22 || hour < 6', true],
    ['weekday in [1, 3] && minute == 5', true],
    ['abs(temperature - 40.0) < 9.0', true],
    ['max(temperature, 40.0) - min(temperature, 40.0)', 8.5],
    ['"it is " + string(temperature)', 'it is 31.5'],
    ['temperature > 30.0 ? "hot" : "fine"', 'hot'],
  ])('%s', (text, expected) => {
    expect(say(text, facts)).toBe(expected);
  });

  it('is unknown while it is not known, with the reason, and never what it was before', () => {
    const blind = seeingFacts();
    blind.applyTrack(person('front', 1, ['gate']), T0);
    blind.setReading('temperature', reading(31.5));
    blind.setReading('temperature', reading(null, 'stuck'));
    blind.setCamera('front', { ok: false, fps: 0, reason: 'frozen' });
    expect(say('temperature > 30.0', blind)).toBe('unknown: sensor temperature gives no reading (stuck)');
    expect(say('air_quality > 1.0', blind)).toBe('unknown: sensor air-quality has not read yet');
    expect(say('count("person", "gate") > 0', blind)).toBe('unknown: camera front does not see (frozen)');
    // A count over several cameras is not known when one of them does not see.
    expect(say('count("person") > 0', blind)).toBe('unknown: camera front does not see (frozen)');
    expect(say('count("person", "back")', blind)).toBe(0);
    expect(say('motion("back")', blind)).toBe('unknown: camera back has not told of motion yet');
    expect(say('sensor_ok("temperature") || camera_ok("front")', blind)).toBe(false);
  });

  it('decides without what is unknown where that makes no difference', () => {
    const half = seeingFacts();
    half.setReading('temperature', reading(31.5));
    expect(say('temperature > 30.0 || air_quality > 1.0', half)).toBe(true);
    expect(say('air_quality > 1.0 || temperature > 30.0', half)).toBe(true);
    expect(say('air_quality > 1.0 && temperature > 40.0', half)).toBe(false);
    expect(say('air_quality > 1.0 && temperature > 30.0', half)).toMatch(/^unknown: /);
    expect(say('!(air_quality > 1.0)', half)).toMatch(/^unknown: /);
  });

  it('is a fault where it cannot be computed', () => {
    expect(say('1 / count("person", "back") > 0', seeingFacts())).toBe('fault: division by zero');
    expect(say('9223372036854775807 + hour > 0', seeingFacts())).toMatch(/^fault: .*overflow/);
    expect(say('int("x") > 0', seeingFacts())).toMatch(/^fault: /);
    expect(say('tracks()[3].id', seeingFacts())).toMatch(/^fault: /);
    // Numbers with a point follow IEEE 754, as CEL says.
    const zero = seeingFacts();
    zero.setReading('temperature', reading(0));
    expect(say('1.0 / temperature', zero)).toBe(Number.POSITIVE_INFINITY);
  });

  it('sees more objects than it may look at as unknown, not as fewer', () => {
    const crowd = seeingFacts();
    for (let id = 1; id <= 257; id++) crowd.applyTrack(person('front', id), T0);
    expect(say('count("person") > 3', crowd)).toBe('unknown: more than 256 objects in view');
  });
});

describe('what is wrong with an expression is told before it runs', () => {
  it.each([
    ['', /^0: it is empty$/],
    [' \n ', /^0: it is empty$/],
    ['temprature > 30.0', /^0: there is no variable temprature; did you mean temperature\?; there is: temperature/],
    ['temperature >', /^13: it ends too early$/],
    ['(temperature > 3.0', /^18: it ends too early$/],
    ['temperature > 30.0 and hour > 2', /^\d+: .*; write && for and$/],
    ['not (hour > 2)', /write ! for not|no function not/],
    ['temperature = 30.0', /^12: .*; write == to compare$/],
    ['hour > 2 & hour < 4', /; write &&$/],
    ['temperature > 30,5', /; write the number with a point, as in 30.5$/],
    ['temperature > 30°', /^16: unexpected character: °$/],
    ['temperature + 1 > 3.0', /^0: no such overload: double \+ int; write the whole number with a point/],
    ['temperature == 30', /write the whole number with a point/],
    ['temperature', /^0: it gives double, not true or false/],
    ['"true"', /^0: it gives string, not true or false/],
    ['temperature && hour > 3', /^0: logical operator requires bool operands, got 'double'/],
    ['hour > "3"', /no such overload: int > string/],
    [
      'count("person", "gat") > 0',
      /^16: there is no zone or camera "gat"; did you mean gate\?; there is: gate, yard, front, back$/,
    ],
    ['count("person", "back", "gate") > 0', /^24: there is no zone of back "gate"; there is: yard$/],
    ['count(person) > 0', /^6: count\(\) takes the name of a label in quotes/],
    ['count() > 0', /^0: count is called as count\("LABEL"\) or count\("LABEL", "PLACE"\)/],
    ['camera_ok("frnt")', /^10: there is no camera "frnt"; did you mean front\?/],
    ['motion(front)', /^7: motion\(\) takes the name of a camera in quotes/],
    ['front > 3', /^0: front is a camera; ask camera_ok\("front"\)/],
    ['air-quality > 1.0', /^0: write air_quality: a minus subtracts$/],
    ['sensor("1s-floor") > 1.0', /^7: there is no sensor "1s-floor"; did you mean 1st-floor\?/],
    ['hour > hour()', /^7: there is no function hour/],
    ['cont("person") > 0', /^0: there is no function cont; did you mean count\?/],
    ['tracks().exists(t, t.lable == "car")', /a track has no lable; it has camera, id, label/],
    ['hour / 0 > 1', /^7: it divides by zero$/],
    ['hour % 0 == 1', /^7: it divides by zero$/],
    ['temperature / 0.0 > 1.0', /^14: it divides by zero$/],
    ['{"a": 1}["a"] == 1', /maps and optional values are not for rules/],
    ['b"x" == b"x"', /allowed values: numbers, texts, true and false/],
    ['__proto__ == 1', /reserved|no variable/i],
    ['constructor == 1', /^0: there is no variable constructor/],
    ['tracks().exists(t, t.constructor == "x")', /a track has no constructor/],
  ])('%s', (text, expected) => {
    expect(faultOf(text)).toMatch(expected);
  });

  it('as is whatever could run for long, or grow', () => {
    expect(faultOf('"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!".matches("(a+)+b")')).toMatch(/there is no function matches/);
    expect(faultOf('cel.bind(a, "xx", cel.bind(b, a + a, b == a))')).toMatch(/there is no function bind/);
    expect(faultOf('tracks().exists(a, tracks().exists(b, a.score > b.score))')).toMatch(
      new RegExp(`may look at \\d+ parts each time, allowed ${EXPRESSION_STEPS_MAX}`),
    );
    const list = `[${Array.from({ length: 20 }, (_, i) => i).join(', ')}]`;
    const loops = (depth: number): string => (depth === 0 ? 'true' : `${list}.all(x${depth}, ${loops(depth - 1)})`);
    expect(faultOf(loops(1))).toBe('none');
    expect(faultOf(loops(4))).toMatch(/may look at \d+ parts/);
    expect(faultOf(`hour in [${Array.from({ length: 65 }, (_, i) => i).join(', ')}]`)).toMatch(
      /maxListElements|exceeded/i,
    );
    expect(faultOf(`${'('.repeat(200)}true${')'.repeat(200)}`)).toMatch(/maxDepth|exceeded/i);
    expect(faultOf(`${'!'.repeat(990)}true`)).not.toBe('none');
    expect(faultOf(`true${' || true'.repeat(120)}`)).toBe('none');
    expect(faultOf(`hour > ${'1+'.repeat(150)}1`)).toMatch(/parts|maxAstNodes|exceeded/i);
    expect(faultOf(`true${' '.repeat(EXPRESSION_CHARS_MAX)}`)).toBe('0: 1004 characters, allowed 1000');
  });

  it('a sensor called like a word of the language is read by sensor()', () => {
    const language = new RuleLanguage({ sensors: ['in', 'hour', 'true', 'double', '9v'], cameras: {} }, seeingFacts());
    expect(['in', 'hour', 'true', 'double', '9v', 'light'].map(hasVariable)).toEqual([
      ...[false, false, false, false, false, true],
    ]);
    expect(language.compile('sensor("in") > sensor("hour") && hour > 3', 'condition').reads).toEqual([
      ...['sensor("in")', 'sensor("hour")'],
    ]);
  });
});

const WORDS = [
  ...[
    'temperature',
    'air_quality',
    'hour',
    'minute',
    't',
    'true',
    'false',
    'null',
    '0',
    '1',
    '3.5',
    '1e400',
    '0x1F',
    '9999999999999999999',
  ],
  ...[
    '"front"',
    '"gate"',
    '"person"',
    "'x'",
    'r"\\d"',
    'b"x"',
    '"\\u0000"',
    '""',
    '[',
    ']',
    '(',
    ')',
    '{',
    '}',
    ',',
    ':',
    '.',
    '?',
    '!',
    '-',
  ],
  ...[
    '+',
    '*',
    '/',
    '%',
    '==',
    '!=',
    '<',
    '>=',
    '&&',
    '||',
    'in',
    'count(',
    'tracks()',
    'tracks("front")',
    'sensor(',
    'motion(',
    'has(',
  ],
  ...[
    '.exists(t,',
    '.map(t,',
    '.filter(t,',
    '.size()',
    '.matches(',
    '.all(t,',
    'size(',
    'string(',
    'int(',
    'cel.bind(',
    'dyn(',
    'type(',
  ],
  ...['.label', '.zones', '[0]', ' ', '\n', '//', '/*', '\u0000', '😀', '__proto__', 'constructor', '.toString()'],
];

describe('whatever somebody writes', () => {
  it('is an expression that can be looked at, or told as a fault with its place; never anything else', () => {
    const facts = seeingFacts();
    facts.setReading('temperature', reading(31.5));
    facts.applyTrack(person('front', 1, ['gate']), T0);
    const language = new RuleLanguage(SCOPE, facts);
    const outcomes = { good: 0, bad: 0 };
    const soup = fc.array(fc.constantFrom(...WORDS), { maxLength: 12 }).map((words) => words.join(''));
    const text = fc.oneof(
      { weight: 8, arbitrary: soup },
      { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 60 }) },
    );
    fc.assert(
      fc.property(text, (written) => {
        try {
          const outcome = language.compile(written, 'shown').evaluate();
          expect(['value', 'unknown', 'fault']).toContain(outcome.kind);
          outcomes.good++;
        } catch (error) {
          if (!(error instanceof ExpressionError)) throw error;
          expect(error.message).not.toBe('');
          expect(error.at).toBeGreaterThanOrEqual(0);
          expect(error.at).toBeLessThanOrEqual(Math.max(1, written.length));
          outcomes.bad++;
        }
      }),
      { numRuns: 2_000, seed: 7 },
    );
    expect(outcomes.good).toBeGreaterThan(20);
    expect(outcomes.bad).toBeGreaterThan(500);
  });
});
