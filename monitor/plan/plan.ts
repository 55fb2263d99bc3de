import type { Counters } from '../../base/counters.js';
import type { NodeCase, PlanMemory } from './case.js';
import { onActed } from './case-action.js';
import { CaseBook, type PlanCounter, type PlanOptions } from './case-book.js';
import { checkDoubt, checkWatchedOnly, onDoubts } from './case-doubt.js';
import { onAcknowledged, onAlive, onBeat, onBirth, onLink, onMaintenance, onSight, onStopped } from './case-news.js';
import { onProbed } from './case-probe.js';
import { onRequested } from './case-request.js';
import { checkCase, onConfirmed } from './case-time.js';
import type { PlanEvent, PlanStep } from './plan-step.js';

/**
 * What to do about nodes that are gone: probe before action, ladder, budgets, verification (rules M9 to M11). Touches
 * nothing outside itself: the same events at the same times give the same steps.
 */
export class Plan {
  readonly counters: Counters<PlanCounter>;
  readonly #book: CaseBook;

  constructor(options: PlanOptions) {
    this.#book = new CaseBook(options);
    this.counters = this.#book.counters;
  }

  case(node: string): NodeCase | undefined {
    return this.#book.case(node);
  }

  /** What the next life of this monitor must know, by node. */
  memory(): ReadonlyMap<string, PlanMemory> {
    return new Map(
      this.#book.all().map(({ entry, history, seriesFromMonoMs }) => [entry.node, { history, seriesFromMonoMs }]),
    );
  }

  /** Takes one event; the steps to carry out, in order. `nowMonoMs` never falls. */
  apply(event: PlanEvent, nowMonoMs: number): PlanStep[] {
    this.#take(event, nowMonoMs);
    return this.#book.takeSteps();
  }

  #take(event: PlanEvent, now: number): void {
    const book = this.#book;
    switch (event.kind) {
      case 'sight':
        onSight(book, event.canSee, now);
        return;
      case 'link':
        onLink(book, event.isUp, now);
        return;
      case 'rank':
        book.before = event.before;
        return;
      case 'check':
        for (const one of book.all()) checkCase(book, checkDoubt(book, one, now), now);
        checkWatchedOnly(book, now);
        return;
      case 'doubts':
        onDoubts(book, event.picture, now);
        return;
      default: {
        const one = book.case(event.node);
        if (one !== undefined) takeOfNode(book, one, event, now);
      }
    }
  }
}

function takeOfNode(book: CaseBook, one: NodeCase, event: Extract<PlanEvent, { node: string }>, now: number): void {
  switch (event.kind) {
    case 'confirmed':
      onConfirmed(book, book.change(event.node, { isUp: false }) ?? one, now);
      return;
    case 'alive':
      onAlive(book, one, now);
      return;
    case 'stopped':
      onStopped(book, one, now);
      return;
    case 'birth':
      onBirth(book, one, event, now);
      return;
    case 'beat':
      onBeat(book, one, event, now);
      return;
    case 'pace':
      book.change(one.entry.node, { staleMs: event.staleMs });
      return;
    case 'probed':
      onProbed(book, one, event.step, event.result, now);
      return;
    case 'acted':
      onActed(book, one, event.step, event.result, now);
      return;
    case 'maintenance':
      onMaintenance(book, one, event.hold, now);
      return;
    case 'requested':
      onRequested(book, one, event.by, now);
      return;
    case 'acknowledged':
      onAcknowledged(book, one, event.by, now);
      return;
  }
}
