import { describe, expect, it } from 'vitest';
import { judgeOverload, NOT_OVERLOADED, type OverloadSample } from '../../../../edge/sharing/offers/overload-judge.js';

const CALM: OverloadSample = { looked: 10, waited: 0, offered: 0 };
const SHORT: OverloadSample = { looked: 10, waited: 10, offered: 0 };
const HELPED: OverloadSample = { looked: 20, waited: 0, offered: 10 };

function stateAfter(samples: readonly OverloadSample[], start = NOT_OVERLOADED) {
  return samples.reduce((state, sample) => judgeOverload(state, sample), start);
}
const times = (count: number, sample: OverloadSample) => Array.from({ length: count }, () => sample);

describe('overload of a node', () => {
  it('begins when frames have waited in vain for three samples, not before', () => {
    expect(stateAfter(times(2, SHORT)).isOverloaded).toBe(false);
    expect(stateAfter(times(3, SHORT)).isOverloaded).toBe(true);
  });

  it('does not begin by a burst that is over', () => {
    expect(stateAfter([...times(20, CALM), { ...SHORT, waited: 5 }, ...times(20, CALM)]).isOverloaded).toBe(false);
  });

  it('goes on while others do what would wait without them', () => {
    const helped = stateAfter([...times(5, SHORT), ...times(100, HELPED)]);
    expect(helped.isOverloaded).toBe(true);
  });

  it('ends when nothing waits and nothing is offered for ten samples', () => {
    const overloaded = stateAfter(times(5, SHORT));
    let state = overloaded;
    let samples = 0;
    while (state.isOverloaded && samples < 60) {
      state = judgeOverload(state, CALM);
      samples++;
    }
    expect(samples).toBeGreaterThan(10);
    expect(samples).toBeLessThan(40);
  });

  it('is seen on a board of one frame a second, too', () => {
    const slow: OverloadSample[] = times(10, { looked: 1, waited: 0, offered: 0 });
    const uneven = slow.map((sample, i) => ({ ...sample, waited: i % 2 }));
    expect(stateAfter(uneven).isOverloaded).toBe(true);
  });

  it('is nothing without frames', () => {
    expect(stateAfter(times(10, { looked: 0, waited: 0, offered: 0 })).isOverloaded).toBe(false);
  });
});
