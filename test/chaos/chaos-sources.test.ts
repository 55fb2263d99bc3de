import { describe, expect, it } from 'vitest';
import type { ChaosFault, FaultKind } from './chaos-history.js';
import { judgeSource, problemsOf, type SourceSaid } from './chaos-sources.js';

const END_MS = 300_000;
const RETURN_MS = 20_000;

function fault(kind: FaultKind, target: string, atMs: number, more: Partial<ChaosFault> = {}): ChaosFault {
  return { kind, target, atMs, ...more };
}

function takes(node: string, atMs: number): SourceSaid[] {
  return [
    { node, atMs, what: 'claim', isSo: true },
    { node, atMs: atMs + 500, what: 'frames', isSo: true },
  ];
}

function letsGo(node: string, atMs: number): SourceSaid[] {
  return (['claim', 'frames'] as const).map((what) => ({ node, atMs, what, isSo: false }));
}

function judge(faults: readonly ChaosFault[], source: readonly SourceSaid[]) {
  return judgeSource({ faults, source, endMs: END_MS }, RETURN_MS);
}

describe('the judge of a shared source', () => {
  it('says nothing where there is none', () => {
    expect(judge([], [])).toBeUndefined();
    expect(problemsOf(undefined)).toEqual([]);
  });

  it('measures from the death of the owner to the claim and the frames of another', () => {
    const killed = [fault('node killed', 'cam1', 100_000)];
    const verdict = judge(killed, [...takes('cam1', 1_000), ...takes('cam2', 100_400)]);
    expect(verdict).toEqual({ ownersLost: 1, claimedMs: [400], seenMs: [900], gapsMs: [900] });
    expect(problemsOf(verdict)).toEqual([]);
  });

  it('has no gap where two watched, and none where one hands it to another', () => {
    const both = [...takes('cam1', 1_000), ...takes('cam2', 90_000)];
    expect(judge([fault('node frozen', 'cam1', 100_000)], both)).toMatchObject({ seenMs: [0], gapsMs: [] });
    const handed = [...takes('cam1', 1_000), ...takes('cam2', 100_000), ...letsGo('cam1', 101_000)];
    expect(judge([], handed)).toMatchObject({ ownersLost: 0, gapsMs: [] });
  });

  it('believes nothing that was said before a death, and nobody who is gone', () => {
    const again = { node: 'cam1', atMs: 1_000, what: 'frames', isSo: true } as const;
    const verdict = judge([fault('node killed', 'cam1', 100_000)], [...takes('cam1', 1_000), again]);
    expect(verdict).toMatchObject({ claimedMs: [undefined], gapsMs: [200_000] });
    expect(problemsOf(verdict)).toEqual(['the source was unwatched for 200 s, bound 90 s']);
  });

  it('counts a lost vision process as unwatched and not as a lost owner', () => {
    const source = [...takes('cam1', 1_000), { node: 'cam1', atMs: 105_000, what: 'frames', isSo: true } as const];
    expect(judge([fault('vision killed', 'cam1', 100_000)], source)).toMatchObject({ ownersLost: 0, gapsMs: [5_000] });
  });

  it('does not count the time in which the broker is not there', () => {
    const faults = [fault('broker killed', 'broker', 100_000), fault('node killed', 'cam1', 105_000)];
    const verdict = judge(faults, [...takes('cam1', 1_000), ...takes('cam2', 122_000)]);
    expect(verdict?.gapsMs).toEqual([2_500]);
  });
});
