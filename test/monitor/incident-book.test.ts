import { describe, expect, it } from 'vitest';
import { addEvidence, closeIncident, openIncident } from '../../monitor/incident.js';
import { IncidentBook } from '../../monitor/incident-book.js';

const words = (notes: { readonly evidence: readonly { readonly what: string }[] } | undefined) =>
  notes?.evidence.map(({ what }) => what);

describe('the book of incidents', () => {
  it('keeps what was decided when the roster sees a new silence before the restart is verified', () => {
    const book = new IncidentBook();
    const first = openIncident('will', 'will of generation 3', 0);
    book.note('cam1', first, false);
    book.decide('cam1', 'silent', 'L1', 'restart', 10);
    book.note('cam1', closeIncident(first, 'birth of generation 4', 20), true);
    const second = openIncident('silence', 'no heartbeat for 4 s', 30);
    book.note('cam1', second, true);
    book.note('cam1', addEvidence(second, 'heartbeat 1 of generation 4', 40), true);
    const closed = book.close('cam1', 'verified', 50);
    expect(words(closed)).toEqual([
      'will of generation 3',
      '[L1] restart',
      'birth of generation 4',
      'no heartbeat for 4 s',
      'heartbeat 1 of generation 4',
      'verified',
    ]);
    expect(closed).toMatchObject({ openedMonoMs: 0, closedMonoMs: 50, cause: 'will' });
  });

  it('is not closed by the roster while something is under way', () => {
    const book = new IncidentBook();
    const first = openIncident('will', 'will of generation 3', 0);
    book.note('cam1', first, false);
    const notes = book.note('cam1', closeIncident(first, 'birth of generation 4', 20), true);
    expect(notes.closedMonoMs).toBeUndefined();
    const later = book.note('cam1', closeIncident(first, 'birth of generation 4', 20), false);
    expect(later.closedMonoMs).toBe(20);
  });

  it('begins a new page once the old incident is over', () => {
    const book = new IncidentBook();
    book.decide('cam1', 'wedged', 'L1', 'restart', 10);
    book.close('cam1', 'verified', 20);
    expect(words(book.note('cam1', openIncident('will', 'will of generation 5', 60), false))).toEqual([
      'will of generation 5',
    ]);
  });
});
