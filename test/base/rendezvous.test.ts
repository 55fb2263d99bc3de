import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rendezvousOrder } from '../../base/rendezvous.js';

const names = ['cam1', 'cam2', 'cam3', 'cam4', 'cam5'];

describe('the rendezvous order', () => {
  it('is the same in whatever order the candidates are given, and for a key as text or bytes', () => {
    fc.assert(
      fc.property(fc.string(), fc.shuffledSubarray(names, { minLength: names.length }), (key, shuffled) => {
        const order = rendezvousOrder(key, names);
        expect(rendezvousOrder(key, shuffled)).toEqual(order);
        expect(rendezvousOrder(new TextEncoder().encode(key), names)).toEqual(order);
      }),
    );
  });

  it('keeps the order of the others when one goes', () => {
    fc.assert(
      fc.property(fc.string(), fc.constantFrom(...names), (key, gone) => {
        const left = rendezvousOrder(key, names).filter((name) => name !== gone);
        const others = names.filter((name) => name !== gone);
        expect(rendezvousOrder(key, others)).toEqual(left);
      }),
    );
  });

  // A fleet may run two versions: holders must not move with the software.
  it('is what nodes of all versions use', () => {
    expect(rendezvousOrder('cam7/', names)).toEqual(['cam5', 'cam3', 'cam4', 'cam1', 'cam2']);
  });
});
