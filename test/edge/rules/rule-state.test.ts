import { describe, expect, it } from 'vitest';
import { Random } from '../../../base/random.js';
import {
  IDLE_RULE,
  type RuleEvent,
  type RuleInput,
  type RuleState,
  type RuleTimes,
  stepRule,
  UNKNOWN_TOLD_AFTER_MS,
  type Verdict,
} from '../../../edge/rules/rule-state.js';

const TIMES: RuleTimes = { forMs: 10_000, clearForMs: 5_000, cooldownMs: 60_000 };

type Look = { readonly atMs: number } & Partial<RuleInput>;

/** Feeds looks one after the other; what happened, as `at kind`. */
function watch(looks: readonly Look[], times: RuleTimes = TIMES): string[] {
  let state: RuleState = IDLE_RULE;
  return looks.flatMap(({ atMs, when = 'false', clear, isInForce = true }) => {
    const stepped = stepRule(state, { when, clear, isInForce }, atMs, times);
    state = stepped.state;
    return stepped.events.map((event) => `${atMs} ${wordOf(event)}`);
  });
}

function wordOf(event: RuleEvent): string {
  return event.kind === 'clear' ? `clear ${event.why}` : event.kind;
}

const every = (stepMs: number, fromMs: number, toMs: number, input: Partial<RuleInput>): Look[] =>
  Array.from({ length: Math.floor((toMs - fromMs) / stepMs) + 1 }, (_, i) => ({ atMs: fromMs + i * stepMs, ...input }));

describe('a rule', () => {
  it('raises once its condition has held for the whole time, and not a moment before', () => {
    expect(
      watch([
        { atMs: 0, when: 'true' },
        { atMs: 9_999, when: 'true' },
      ]),
    ).toEqual([]);
    expect(
      watch([
        { atMs: 0, when: 'true' },
        { atMs: 10_000, when: 'true' },
        { atMs: 11_000, when: 'true' },
      ]),
    ).toEqual(['10000 raise']);
  });

  it.each(['false', 'unknown'] as const)('counts from anew after a moment of %s', (when) => {
    const looks = [
      ...every(1_000, 0, 9_000, { when: 'true' }),
      { atMs: 9_500, when },
      ...every(1_000, 10_000, 21_000, { when: 'true' }),
    ];
    expect(watch(looks)).toEqual(['20000 raise']);
  });

  it('raises at once where it asks for no time', () => {
    expect(watch([{ atMs: 5, when: 'true' }], { ...TIMES, forMs: 0 })).toEqual(['5 raise']);
  });

  it('clears once it has been over for the whole time', () => {
    const looks: Look[] = [
      ...every(1_000, 0, 12_000, { when: 'true' }),
      ...every(1_000, 13_000, 20_000, { when: 'false' }),
    ];
    expect(watch(looks)).toEqual(['10000 raise', '18000 clear over']);
  });

  it('stays raised between its two thresholds: neither holds', () => {
    const looks: Look[] = [
      ...every(1_000, 0, 10_000, { when: 'true', clear: 'false' }),
      ...every(1_000, 11_000, 99_000, { when: 'false', clear: 'false' }),
      ...every(1_000, 100_000, 105_000, { when: 'false', clear: 'true' }),
    ];
    expect(watch(looks)).toEqual(['10000 raise', '105000 clear over']);
  });

  it('does not flap where its thresholds are the wrong way round: both hold', () => {
    const both = every(1_000, 0, 300_000, { when: 'true', clear: 'true' });
    expect(watch(both)).toEqual(['10000 raise']);
  });

  it('raises nothing within its cooldown, and at its end what has held by then', () => {
    const looks: Look[] = [
      ...every(1_000, 0, 10_000, { when: 'true' }),
      ...every(1_000, 11_000, 16_000, { when: 'false' }),
      ...every(1_000, 17_000, 90_000, { when: 'true' }),
    ];
    expect(watch(looks)).toEqual(['10000 raise', '16000 clear over', '76000 raise']);
  });

  it('outside its hours raises nothing, and an open alert clears', () => {
    const looks: Look[] = [
      ...every(1_000, 0, 9_000, { when: 'true', isInForce: false }),
      ...every(1_000, 10_000, 20_000, { when: 'true' }),
      { atMs: 21_000, when: 'true', isInForce: false },
      { atMs: 22_000, when: 'unknown', isInForce: false },
    ];
    expect(watch(looks)).toEqual(['20000 raise', '21000 clear schedule']);
  });

  it('that cannot tell keeps its alert, says so after a while, and says when it can again', () => {
    const looks: Look[] = [
      ...every(1_000, 0, 10_000, { when: 'true' }),
      ...every(1_000, 11_000, 200_000, { when: 'unknown' }),
      { atMs: 201_000, when: 'true' },
      ...every(1_000, 202_000, 207_000, { when: 'false' }),
    ];
    expect(watch(looks)).toEqual([
      '10000 raise',
      `${11_000 + UNKNOWN_TOLD_AFTER_MS} unknown`,
      '201000 known',
      '207000 clear over',
    ]);
  });

  it('says nothing of a value that is unknown for a moment, or that does not matter', () => {
    expect(
      watch([{ atMs: 0, when: 'unknown' }, { atMs: UNKNOWN_TOLD_AFTER_MS - 1, when: 'unknown' }, { atMs: 40_000 }]),
    ).toEqual([]);
    expect(watch(every(1_000, 0, 99_000, { when: 'false', clear: 'unknown' }))).toEqual([]);
    // Still over the first threshold: the second need not be known.
    const raised: Look[] = every(1_000, 0, 99_000, { when: 'true', clear: 'unknown' });
    expect(watch(raised)).toEqual(['10000 raise']);
  });
});

// ---------------------------------------------------------------------------------------------------------------------

type Moment = { readonly atMs: number; readonly input: RuleInput };

/** A history from a seed: stretches of one verdict, steady or flickering, with gaps between looks and hours that end. */
function historyOf(seed: number): { readonly times: RuleTimes; readonly moments: readonly Moment[] } {
  const random = new Random(seed);
  const span = () => random.pick([0, 0, 1_000, 7_500, 30_000, 120_000]);
  const times = { forMs: span(), clearForMs: span(), cooldownMs: span() };
  const hasClear = random.chance(0.5);
  const hasHours = random.chance(0.3);
  const verdicts: Verdict[] = ['true', 'false', 'unknown'];
  const moments: Moment[] = [];
  let atMs = random.int(10_000);
  let isInForce = true;
  for (let stretch = 0; stretch < 40; stretch++) {
    const steady = random.pick(verdicts);
    const steadyClear = random.pick(verdicts);
    const isFlickering = random.chance(0.3);
    if (hasHours && random.chance(0.2)) isInForce = !isInForce;
    for (let look = random.int(30); look >= 0; look--) {
      const when = isFlickering ? random.pick(verdicts) : steady;
      const clear = hasClear ? (isFlickering ? random.pick(verdicts) : steadyClear) : undefined;
      moments.push({ atMs, input: { when, clear, isInForce } });
      atMs += random.chance(0.9) ? 50 + random.int(2_000) : random.int(60_000);
    }
  }
  return { times, moments };
}

/** What must hold of a history, told as a sentence when it does not. Judged from the inputs alone. */
function judge(seed: number): { readonly broken: string[]; readonly raises: number; readonly clears: number } {
  const { times, moments } = historyOf(seed);
  const broken: string[] = [];
  let state: RuleState = IDLE_RULE;
  let isOpen = false;
  let clearedAtMs = Number.NEGATIVE_INFINITY;
  let raises = 0;
  let clears = 0;
  let isToldUnknown = false;
  for (const [i, { atMs, input }] of moments.entries()) {
    const stepped = stepRule(state, input, atMs, times);
    state = stepped.state;
    const heldMs = (holds: (input: RuleInput) => boolean) => {
      let first = i;
      while (first >= 0 && holds(moments[first]?.input ?? input)) first--;
      return first === i ? -1 : atMs - (moments[first + 1]?.atMs ?? atMs);
    };
    for (const event of stepped.events) {
      if (event.kind === 'raise') {
        raises++;
        if (isOpen) broken.push('raised twice without a clear');
        const held = heldMs(({ when, isInForce }) => when === 'true' && isInForce);
        if (held < times.forMs) broken.push(`raised after ${held} of ${times.forMs} ms`);
        if (atMs - clearedAtMs < times.cooldownMs) broken.push('raised within the cooldown');
        isOpen = true;
      } else if (event.kind === 'clear') {
        clears++;
        if (!isOpen) broken.push('cleared without a raise');
        const isOver = ({ when, clear }: RuleInput) =>
          clear === undefined ? when === 'false' : clear === 'true' && when !== 'true';
        if (event.why === 'schedule' && input.isInForce) broken.push('cleared by hours within its hours');
        if (event.why === 'over' && heldMs(isOver) < times.clearForMs) broken.push('cleared before it was over');
        isOpen = false;
        clearedAtMs = atMs;
      } else if (event.kind === 'unknown') {
        if (isToldUnknown) broken.push('told unknown twice');
        isToldUnknown = true;
      } else {
        if (!isToldUnknown) broken.push('told known without unknown');
        isToldUnknown = false;
      }
    }
    const kinds = stepped.events.map(({ kind }) => kind);
    const changes = kinds.filter((kind) => kind === 'raise' || kind === 'clear');
    if (changes.length > 1) broken.push('raised and cleared in one look');
    if (input.when === 'unknown' && kinds.includes('raise')) broken.push('raised on what is not known');
    if (input.when === 'unknown' && input.clear === undefined && input.isInForce && kinds.includes('clear')) {
      broken.push('cleared on what is not known');
    }
    if (isOpen !== state.isRaised) broken.push('its state is not what it told');
    // Nothing is held back either.
    const due = heldMs(({ when, isInForce }) => when === 'true' && isInForce);
    if (!isOpen && due >= times.forMs && atMs - clearedAtMs >= times.cooldownMs) broken.push('not raised when due');
    if (isOpen && !input.isInForce) broken.push('open outside its hours');
  }
  return { broken: [...new Set(broken)], raises, clears };
}

describe('3,000 histories of rules', () => {
  it('raise not before time, flap not in a cooldown, clear once per raise, and never on what is unknown', () => {
    let raises = 0;
    let clears = 0;
    for (let seed = 1; seed <= 3_000; seed++) {
      const verdict = judge(seed);
      expect(verdict.broken, `seed ${seed}`).toEqual([]);
      raises += verdict.raises;
      clears += verdict.clears;
    }
    // The histories are of use only if a good deal happens in them.
    expect(raises).toBeGreaterThan(3_000);
    expect(raises - clears).toBeGreaterThan(0);
    expect(raises - clears).toBeLessThanOrEqual(3_000);
  });
});
