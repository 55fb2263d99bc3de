import { describe, expect, it } from 'vitest';
import { Adjustments } from '../../../edge/command/adjustments.js';

describe('Adjustments', () => {
  it('hold until their time is over, each by itself', () => {
    const adjustments = new Adjustments();
    adjustments.pause('front', 'by operator', 1000);
    adjustments.setThreshold('front', 'person', 0.7, 2000);
    adjustments.setThreshold('yard', 'dog', 0.4, 3000);
    expect(adjustments.of('front')).toEqual({ paused: 'by operator', scoresMin: { person: 0.7 } });
    expect(adjustments.nextEndMonoMs).toBe(1000);
    expect(adjustments.expire(999)).toEqual([]);
    expect(adjustments.expire(1000)).toEqual(['front']);
    expect(adjustments.of('front')).toEqual({ paused: undefined, scoresMin: { person: 0.7 } });
    expect(adjustments.expire(5000)).toEqual(['front', 'yard']);
    expect(adjustments.of('yard')).toEqual({ paused: undefined, scoresMin: {} });
    expect(adjustments.nextEndMonoMs).toBeUndefined();
  });

  it('are replaced by newer ones and ended by hand', () => {
    const adjustments = new Adjustments();
    adjustments.pause('front', 'by operator', 1000);
    adjustments.pause('front', 'by monitor', 5000);
    expect(adjustments.expire(1000)).toEqual([]);
    expect(adjustments.resume('front')).toBe(true);
    expect(adjustments.resume('front')).toBe(false);
    expect(adjustments.of('front').paused).toBeUndefined();
  });
});
