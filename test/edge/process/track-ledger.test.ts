import { describe, expect, it } from 'vitest';
import { TrackLedger } from '../../../edge/process/track-ledger.js';
import type { TrackReport } from '../../../edge/process/vision-message.js';

const report = (camera: string, id: number, ev: TrackReport['ev']): TrackReport => ({
  type: 'track',
  camera,
  capturedAtMs: 1000,
  ev,
  id,
  l: 'person',
  p: 800,
  b: [0, 0, 10, 10],
});

describe('the track ledger', () => {
  it('ends what was open when the vision process died, once', () => {
    const ledger = new TrackLedger();
    ledger.note(report('front', 1, 'new'));
    ledger.note(report('front', 2, 'new'));
    ledger.note(report('front', 1, 'end'));
    ledger.note(report('yard', 2, 'new'));
    expect(ledger.endAll(5000).map(({ camera, id, ev, capturedAtMs }) => [camera, id, ev, capturedAtMs])).toEqual([
      ['front', 2, 'end', 5000],
      ['yard', 2, 'end', 5000],
    ]);
    expect(ledger.endAll(6000)).toEqual([]);
  });

  it('never gives out a number twice in one life of the log', () => {
    const ledger = new TrackLedger();
    expect(ledger.firstFreeIds(['front', 'yard'])).toEqual({ front: 1, yard: 1 });
    ledger.note(report('front', 7, 'new'));
    ledger.note(report('front', 7, 'end'));
    ledger.note(report('front', 3, 'end'));
    ledger.endAll(0);
    expect(ledger.firstFreeIds(['front', 'yard'])).toEqual({ front: 8, yard: 1 });
  });
});
