import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Answer } from '../../../../edge/sharing/audits/answer-match.js';
import { AuditCore } from '../../../../edge/sharing/audits/audit-core.js';
import type { AuditEffect, AuditRecordFields } from '../../../../edge/sharing/audits/audit-effects.js';
import { AUDIT_LIMITS, type AuditLimits } from '../../../../edge/sharing/audits/audit-limits.js';

const MODEL = 'a'.repeat(64);
const SCORE_MIN = 0.5;
const HEAD = 'signature of a head';

const seen = (l: string): Answer => [{ l, p: 0.9, b: [10, 10, 90, 90] }];
const digestOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** Three nodes or more that hear each other at once; each sees what it is told to see. */
class Trio {
  readonly cores = new Map<string, AuditCore>();
  readonly records: { readonly author: string; readonly fields: AuditRecordFields }[] = [];
  /** By node. */
  readonly sees = new Map<string, Answer | undefined>();
  /** In copies of the picture, where that is something else. */
  readonly seesInCopies = new Map<string, Answer | undefined>();
  /** Messages that get lost, by receiver. */
  readonly lost = new Set<string>();
  /** Who never comes to look at copies. */
  readonly slow = new Set<string>();
  nowMs = 0;
  #seq = 0;

  constructor(nodes: readonly string[] = ['cam1', 'cam2', 'cam3'], limits: Partial<AuditLimits> = {}) {
    for (const node of nodes) {
      const core = new AuditCore({
        node,
        site: 'yard',
        otherSites: false,
        nowMonoMs: 0,
        limits: { ...AUDIT_LIMITS, ...limits },
      });
      core.onModel({ sha256: MODEL, scoreMin: SCORE_MIN });
      core.onNeighbours(
        nodes
          .map((other) => ({ node: other, site: 'yard', model: MODEL, isActive: true }))
          .filter((o) => o.node !== node),
      );
      this.cores.set(node, core);
      this.sees.set(node, seen('person'));
    }
  }

  core(node: string): AuditCore {
    const core = this.cores.get(node);
    if (core === undefined) throw new Error(`no ${node}`);
    return core;
  }

  /** A result of a node, and a head of another node after it. */
  audit(worker: string, picture = `picture ${this.#seq + 1}`, isLive = true): void {
    const seq = ++this.#seq;
    const jpeg = new TextEncoder().encode(picture);
    const leaf = createHash('sha256').update(`${seq}`).digest();
    const about = { epoch: 'e1', seq, leaf, camera: 'front', isLive, capturedAtMs: 10_000 * seq };
    this.core(worker).keep({ ...about, jpeg, digest: digestOf(jpeg), keptMonoMs: this.nowMs });
    this.run(worker, this.core(worker).onHead('cam9', HEAD, this.nowMs));
    this.nowMs += 10_000;
  }

  tick(): void {
    for (const [node, core] of this.cores) this.run(node, core.onTick(this.nowMs));
  }

  run(node: string, effects: readonly AuditEffect[]): void {
    for (const effect of effects) this.#runOne(node, effect);
  }

  #runOne(node: string, effect: AuditEffect): void {
    if (effect.type === 'look') {
      if (effect.colours !== undefined && this.slow.has(node)) return;
      const isOther = effect.colours !== undefined && this.seesInCopies.has(node);
      const boxes = (isOther ? this.seesInCopies : this.sees).get(node);
      this.run(node, this.core(node).onLooked(effect.request, boxes, this.nowMs));
    } else if (effect.type === 'ask') {
      if (this.lost.has(effect.to)) return;
      this.run(effect.to, this.core(effect.to).onAudit(node, effect.audit, effect.jpeg, this.nowMs));
    } else if (effect.type === 'reply') {
      for (const to of effect.to) {
        if (!this.lost.has(to)) this.run(to, this.core(to).onReply(node, effect.reply, this.nowMs));
      }
    } else {
      this.records.push({ author: node, fields: effect.fields });
      const { of, m: model, by, v: verdict, at: atMs } = effect.fields;
      const finding = { author: node, of, model, by, verdict, atMs, recordedMs: this.nowMs };
      for (const core of this.cores.values()) core.onFinding(finding);
    }
  }
}

describe('an audit', () => {
  it('of an honest node is recorded as valid by both others', () => {
    const trio = new Trio();
    trio.audit('cam1');
    expect(trio.records.map(({ author }) => author).sort()).toEqual(['cam2', 'cam3']);
    for (const { fields } of trio.records) expect(fields).toMatchObject({ v: 'valid', by: ['cam2', 'cam3'] });
    expect(trio.core('cam1').counters()).toMatchObject({ given: 1, agreed: 1 });
    expect(trio.core('cam1').outstanding).toEqual({ given: 0, taken: 0 });
  });

  it('of a wrong node ends in a doubt that all have, and in no more questions to it', () => {
    const trio = new Trio(['cam1', 'cam2', 'cam3', 'cam4']);
    trio.sees.set('cam1', seen('dog'));
    trio.audit('cam1');
    expect(trio.core('cam2').doubts).toEqual([]);
    trio.audit('cam1');
    for (const core of trio.cores.values()) {
      expect(core.doubts).toEqual([
        { node: 'cam1', model: MODEL, sinceMs: 10_000, disputed: 2, valid: 0, last: { e: 'e1', s: 2 } },
      ]);
    }
    for (let i = 0; i < 12; i++) trio.audit('cam2');
    expect(trio.core('cam1').counters().taken).toBe(0);
    expect(trio.records.at(-1)?.fields.by).toEqual(['cam3', 'cam4']);
  });

  it('with one wrong auditor is valid and names the odd one', () => {
    const trio = new Trio();
    trio.sees.set('cam3', seen('dog'));
    trio.audit('cam1');
    expect(trio.records.map(({ fields }) => [fields.v, fields.odd])).toEqual([
      ['valid', 'cam3'],
      ['valid', 'cam3'],
    ]);
  });

  it('with three answers is inconclusive, and nobody is doubted however often', () => {
    const trio = new Trio();
    trio.sees.set('cam2', seen('dog'));
    trio.sees.set('cam3', seen('cow'));
    for (let i = 0; i < 20; i++) trio.audit('cam1');
    expect(new Set(trio.records.map(({ fields }) => fields.v))).toEqual(new Set(['inconclusive']));
    expect(trio.core('cam1').doubts).toEqual([]);
    expect(trio.core('cam1').standing?.rate).toBe(1);
  });

  it('disputes the same bytes after other ones, though all see the same in them', () => {
    const trio = new Trio();
    for (const picture of ['the same', 'another', 'the same']) trio.audit('cam1', picture);
    expect(trio.records.slice(-2).map(({ fields }) => [fields.v, fields.why])).toEqual([
      ['disputed', 'stuck'],
      ['disputed', 'stuck'],
    ]);
    const recording = new Trio();
    for (let i = 0; i < 3; i++) recording.audit('cam1', 'the same', false);
    expect(new Set(recording.records.map(({ fields }) => fields.v))).toEqual(new Set(['valid']));
  });

  it('whose second answer never comes is recorded only where one is enough', () => {
    const trio = new Trio();
    trio.lost.add('cam3');
    trio.audit('cam1');
    expect(trio.records).toEqual([]);
    trio.nowMs += AUDIT_LIMITS.answerMs;
    trio.tick();
    expect(trio.records.map(({ author, fields }) => [author, fields.v])).toEqual([['cam2', 'valid']]);
    trio.sees.set('cam1', seen('dog'));
    trio.audit('cam1');
    trio.nowMs += AUDIT_LIMITS.answerMs;
    trio.tick();
    expect(trio.records).toHaveLength(1);
    expect(trio.core('cam2').counters()).toMatchObject({ undecided: 1 });
    expect(trio.core('cam1').counters()).toMatchObject({ agreed: 1, unanswered: 1 });
  });

  it('waits for the answer of an auditor that was faster than the question', () => {
    const trio = new Trio();
    const of = { n: 'cam1', e: 'e1', s: 1 };
    trio.run(
      'cam2',
      trio.core('cam2').onReply('cam3', { id: 'e1-1', of, ok: true, boxes: seen('person') }, trio.nowMs),
    );
    trio.lost.add('cam3');
    trio.audit('cam1');
    expect(trio.records.map(({ author, fields }) => [author, fields.v])).toEqual([['cam2', 'valid']]);
    expect(trio.core('cam2').counters()).toMatchObject({ early: 1 });
  });
});

describe('an auditor', () => {
  it('counts answers nobody waits for: of who was not asked, that come late, and that are forgotten', () => {
    const trio = new Trio();
    trio.lost.add('cam3');
    trio.audit('cam1');
    const of = { n: 'cam1', e: 'e1', s: 1 };
    const reply = { id: 'e1-1', of, ok: true, boxes: seen('dog') };
    const cam2 = trio.core('cam2');
    expect(cam2.onReply('cam9', reply, trio.nowMs)).toEqual([]);
    expect(cam2.counters()).toMatchObject({ strayReplies: 1 });
    trio.run('cam2', cam2.onReply('cam3', { ...reply, boxes: seen('person') }, trio.nowMs));
    expect(trio.records.map(({ author, fields }) => [author, fields.v])).toEqual([['cam2', 'valid']]);
    cam2.onReply('cam3', reply, trio.nowMs);
    expect(cam2.counters()).toMatchObject({ lateReplies: 1 });
    for (let s = 2; s < 68; s++) cam2.onReply('cam3', { ...reply, id: `e1-${s}`, of: { ...of, s } }, trio.nowMs);
    expect(cam2.counters()).toMatchObject({ early: 66, earlyForgotten: 2 });
  });
});

describe('an auditor that is about to dispute', () => {
  const last = (trio: Trio) => trio.records.slice(-2).map(({ fields }) => [fields.v, fields.why, fields.again]);

  it('looks at copies of the picture first, and disputes where they show it the same', () => {
    const trio = new Trio();
    trio.sees.set('cam1', seen('dog'));
    trio.audit('cam1');
    expect(last(trio)).toEqual(Array.from({ length: 2 }, () => ['disputed', 'other-label', undefined]));
    expect(trio.core('cam2').counters()).toMatchObject({ lookedAgain: 1, seenAsWorker: 0, foundDisputed: 1 });
    expect(trio.core('cam1').counters()).toMatchObject({ lookedAgain: 0 });
  });

  it('disputes nothing that it sees itself in a copy, which is enough for the result to stay undecided', () => {
    const trio = new Trio();
    trio.sees.set('cam1', seen('dog'));
    trio.seesInCopies.set('cam3', seen('dog'));
    for (let i = 0; i < 20; i++) trio.audit('cam1');
    expect(last(trio).sort()).toEqual([
      ['disputed', 'other-label', undefined],
      ['inconclusive', undefined, 'as-worker'],
    ]);
    expect(trio.core('cam3').counters()).toMatchObject({ lookedAgain: 20, seenAsWorker: 20, foundInconclusive: 20 });
    expect(trio.core('cam2').doubts).toEqual([]);
  });

  it('disputes what it sees otherwise in each copy, too', () => {
    const trio = new Trio();
    trio.sees.set('cam1', seen('dog'));
    trio.seesInCopies.set('cam2', seen('cow'));
    trio.audit('cam1');
    expect(last(trio)).toEqual(Array.from({ length: 2 }, () => ['disputed', 'other-label', undefined]));
  });

  it('disputes nothing when it cannot look again, or has done so too often', () => {
    const trio = new Trio();
    trio.sees.set('cam1', seen('dog'));
    trio.seesInCopies.set('cam2', undefined);
    trio.audit('cam1');
    expect(last(trio)).toContainEqual(['inconclusive', undefined, 'not-looked']);
    expect(trio.core('cam2').counters()).toMatchObject({ lookedAgain: 1, notLookedAgain: 1 });
    expect(trio.core('cam2').outstanding.taken).toBe(0);
    const hasty = new Trio(['cam1', 'cam2', 'cam3'], { again: { burst: 2, perMinute: 0, bytesPerMinute: 0 } });
    hasty.sees.set('cam1', seen('dog'));
    for (let i = 0; i < 3; i++) hasty.audit('cam1');
    expect(last(hasty)).toEqual(Array.from({ length: 2 }, () => ['inconclusive', undefined, 'not-looked']));
    expect(hasty.core('cam2').counters()).toMatchObject({ lookedAgain: 2, notLookedAgain: 1, foundDisputed: 2 });
  });

  it('waits for the copies no longer than for an answer, and ends when its detector is gone', () => {
    for (const end of ['late', 'blind'] as const) {
      const trio = new Trio();
      trio.sees.set('cam1', seen('dog'));
      trio.slow.add('cam2');
      trio.audit('cam1');
      expect(trio.core('cam2').outstanding.taken).toBe(1);
      trio.nowMs += end === 'late' ? AUDIT_LIMITS.answerMs : 0;
      if (end === 'late') trio.tick();
      else trio.run('cam2', trio.core('cam2').onBlind(trio.nowMs));
      expect(last(trio)).toContainEqual(['inconclusive', undefined, 'not-looked']);
      expect(trio.core('cam2').outstanding.taken).toBe(0);
    }
  });
});

describe('an auditor refuses', () => {
  const jpeg = new Uint8Array([1, 2, 3]);
  const audit = {
    ...{ id: 'e1-1', of: { n: 'cam1', e: 'e1', s: 1 }, model: MODEL, scoreMin: SCORE_MIN, live: true },
    ...{ digest: digestOf(jpeg), capturedAtMs: 1, camera: 'front', boxes: seen('person'), other: 'cam3' },
  };
  const refusalOf = (trio: Trio, sender: string, asked = audit, bytes = jpeg) =>
    trio
      .core('cam2')
      .onAudit(sender, asked, bytes, trio.nowMs)
      .map((effect) => (effect.type === 'reply' ? effect.reply.code : effect.type));

  it.each([
    ['who asks for another', 'cam3', audit, jpeg, 'bad-picture'],
    ['who names the auditor as the other one', 'cam1', { ...audit, other: 'cam2' }, jpeg, 'bad-picture'],
    ['other bytes than were promised', 'cam1', audit, new Uint8Array([1, 2, 4]), 'bad-picture'],
    ['another model', 'cam1', { ...audit, model: 'b'.repeat(64) }, jpeg, 'other-model'],
    ['somebody it does not know', 'cam7', { ...audit, of: { n: 'cam7', e: 'e1', s: 1 } }, jpeg, 'not-shared'],
  ])('%s', (_, sender, asked, bytes, code) => {
    expect(refusalOf(new Trio(), sender, asked, bytes)).toEqual([code]);
  });

  it.each([
    ['somebody it does not know', 'cam7', audit],
    ['who asks for another', 'cam3', audit],
    ['who names the auditor as the other one', 'cam1', { ...audit, other: 'cam2' }],
  ])('%s to its face, and nobody whom it names', (_, sender, asked) => {
    const replies = new Trio().core('cam2').onAudit(sender, asked, jpeg, 0);
    expect(replies).toMatchObject([{ type: 'reply', to: [sender] }]);
  });

  it('more than its budget, and takes a question that comes twice once', () => {
    const trio = new Trio();
    expect(refusalOf(trio, 'cam1')).toEqual(['look']);
    expect(refusalOf(trio, 'cam1')).toEqual([]);
    const answers = Array.from({ length: AUDIT_LIMITS.outstandingMax + 1 }, (_, i) =>
      refusalOf(trio, 'cam1', { ...audit, id: `e1-${i + 2}` }),
    );
    expect(answers.at(-1)).toEqual(['busy']);
    expect(trio.core('cam2').counters()).toMatchObject({ repeated: 1, taken: AUDIT_LIMITS.outstandingMax });
  });

  it('to audit again what it has a record of, though it does not remember', () => {
    const trio = new Trio();
    const { of } = audit;
    const by = ['cam2', 'cam3'] as const;
    trio.core('cam2').onFinding({ author: 'cam2', of, model: MODEL, by, verdict: 'valid', atMs: 1, recordedMs: 1 });
    expect(refusalOf(trio, 'cam1')).toEqual([]);
    expect(trio.core('cam2').counters()).toMatchObject({ repeated: 1, taken: 0 });
  });

  it('while it is doubted itself', () => {
    const trio = new Trio();
    for (const s of [1, 2, 3, 4, 5, 6]) {
      for (const author of ['cam1', 'cam3']) {
        const of = { n: 'cam2', e: 'e', s };
        const by = ['cam1', 'cam3'] as const;
        trio.core('cam2').onFinding({ author, of, model: MODEL, by, verdict: 'disputed', atMs: s, recordedMs: s });
      }
    }
    expect(refusalOf(trio, 'cam1')).toEqual(['doubted']);
  });

  it('nothing silently when its detector is gone', () => {
    const trio = new Trio();
    expect(refusalOf(trio, 'cam1')).toEqual(['look']);
    const replies = trio.core('cam2').onBlind(trio.nowMs);
    expect(replies).toMatchObject([{ type: 'reply', to: ['cam1', 'cam3'], reply: { ok: false, code: 'failed' } }]);
    expect(trio.core('cam2').outstanding.taken).toBe(0);
  });
});

describe('a worker', () => {
  it('gives no more than its budget, and counts what it left out', () => {
    const trio = new Trio();
    for (let i = 0; i < 20; i++) {
      trio.audit('cam1');
      trio.nowMs -= 10_000;
    }
    // Nobody recorded faster than ten in a row: all are drawn until then.
    expect(trio.core('cam1').counters()).toMatchObject({ given: AUDIT_LIMITS.given.burst });
    expect(trio.core('cam1').counters().overBudget).toBeGreaterThan(0);
  });

  it('counts what its detector was to look at when that is gone', () => {
    const trio = new Trio();
    const jpeg = new Uint8Array([1]);
    const about = { epoch: 'e1', seq: 1, leaf: jpeg, camera: 'front', isLive: true, capturedAtMs: 0 };
    trio.core('cam1').keep({ ...about, jpeg, digest: digestOf(jpeg), keptMonoMs: 0 });
    expect(trio.core('cam1').onHead('cam2', HEAD, 0)).toMatchObject([{ type: 'look' }]);
    trio.core('cam1').keep({ ...about, seq: 2, jpeg, digest: digestOf(jpeg), keptMonoMs: 0 });
    trio.core('cam1').onBlind(trio.nowMs);
    expect(trio.core('cam1').outstanding.given).toBe(0);
    expect(trio.core('cam1').ring).toMatchObject({ count: 0, bytes: 0 });
    expect(trio.core('cam1').counters()).toMatchObject({ candidates: 2, lookFailed: 2 });
    expect(trio.core('cam1').onHead('cam2', 'another', 0)).toEqual([]);
  });

  it('does not take its own head, nor replies nobody was asked for', () => {
    const trio = new Trio();
    expect(trio.core('cam1').onHead('cam1', HEAD, 0)).toEqual([]);
    trio.core('cam1').onReply('cam2', { id: 'e1-9', of: { n: 'cam1', e: 'e1', s: 9 }, ok: true, boxes: [] }, 0);
    expect(trio.core('cam1').counters()).toMatchObject({ unexpected: 1 });
  });

  it('asks nobody while no model is loaded', () => {
    const trio = new Trio();
    trio.core('cam1').onModel(undefined);
    trio.audit('cam1');
    expect(trio.core('cam1').counters()).toMatchObject({ given: 0, passed: 1 });
  });
});
