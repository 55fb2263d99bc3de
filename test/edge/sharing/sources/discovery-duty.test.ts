import { describe, expect, it } from 'vitest';
import { DiscoveryDuty } from '../../../../edge/sharing/sources/discovery-duty.js';

describe('the node on duty', () => {
  it('listens on while nothing is heard', () => {
    const duty = new DiscoveryDuty();
    expect([0, 6_000, 100_000].map((ms) => duty.isListening(true, ms))).toEqual([true, true, true]);
  });

  it('listens a quarter of the time once something is heard', () => {
    const duty = new DiscoveryDuty();
    let listening = 0;
    for (let ms = 0; ms < 200_000; ms += 100) {
      if (!duty.isListening(true, ms)) continue;
      listening++;
      duty.heard();
    }
    expect(listening / 2_000).toBeCloseTo(0.25, 2);
  });

  it('is not listening when it is another node’s turn, and begins at once when it is its own again', () => {
    const duty = new DiscoveryDuty();
    duty.isListening(true, 0);
    duty.heard();
    expect(duty.isListening(true, 6_000)).toBe(false);
    expect(duty.isListening(false, 7_000)).toBe(false);
    expect(duty.isListening(true, 8_000)).toBe(true);
  });
});
