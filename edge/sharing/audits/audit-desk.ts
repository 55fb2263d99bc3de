import type { Clock } from '../../../base/clock.js';
import { TokenBucket } from '../../../base/command/token-bucket.js';
import { messageOf } from '../../../base/errors.js';
import type { Link } from '../../../base/link/link.js';
import type { Log } from '../../../base/log.js';
import type { LogRecord } from '../../../protocol/record.js';
import { routes } from '../../../protocol/routes.js';
import type { Claims, Verdict } from '../../../protocol/sharing.js';
import { SCHEMA_MINOR } from '../../../protocol/status.js';
import type { CandidateReport } from '../../process/vision-message.js';
import type { LogReader } from '../../query/log-reader.js';
import { leafHash } from '../../records/segment.js';
import type { LookCaller } from '../look-caller.js';
import type { Peer } from '../peer-book.js';
import { AuditCore, isOwnLook } from './audit-core.js';
import { type AuditEffect, type AuditRecordFields, type AuditReply, digestInRecord } from './audit-effects.js';
import { AUDIT_LIMITS } from './audit-limits.js';
import { FindingReader } from './finding-reader.js';

export type AuditDeskOptions = {
  readonly node: string;
  readonly site: string;
  readonly otherSites: boolean;
  readonly link: Link;
  readonly looks: LookCaller;
  readonly peers: () => readonly Peer[];
  /** Adds a record to the own log. */
  readonly append: (fields: AuditRecordFields) => Promise<LogRecord>;
  /** All logs held here; undefined until they are open. */
  readonly logs: () => LogReader | undefined;
  /** What is to stand in the own claims. */
  readonly onClaims: (claims: Pick<Claims, 'doubts' | 'audits'>) => void;
  readonly clock: Clock;
  readonly log: Log;
};

const TICK_MS = 1_000;
/** Counters in claims change with every audit: as often as a heartbeat is soon enough. */
const CLAIMS_MS = 10_000;
const DOUBTS_MAX = 64;
/** A record follows its picture at once, unless the disk is in the way. */
const RECORD_WAIT_MS = 30_000;
/** Refusals a node says; more are kept to itself, or who floods it would have it flood the broker. */
const REFUSALS = { burst: 20, perSecond: 2 };
/** What of the counters is work done; the rest is loss or trouble, and told as such. */
const WORK: ReadonlySet<string> = new Set([
  ...[
    'candidates',
    'passed',
    'given',
    'givenBytes',
    'agreed',
    'taken',
    'takenBytes',
    'foundValid',
    'early',
    'lookedAgain',
  ],
]);

/** Audits of a node: carries out what its core decides, over link, detector and logs. */
export class AuditDesk {
  readonly #options: AuditDeskOptions;
  readonly #core: AuditCore;
  readonly #findings: FindingReader;
  readonly #refusals: TokenBucket;
  /** By camera: the picture whose first record is still to be written. */
  readonly #candidates = new Map<string, CandidateReport & { readonly heardMonoMs: number }>();
  #model: string | undefined;
  #lookMs = 0;
  /** For others, while cameras of this node waited. */
  #owedLooks = 0;
  #sendFailures = 0;
  #recordFailures = 0;
  /** Pictures whose record never came. */
  #unrecorded = 0;
  #refusalsUnsaid = 0;
  #doubts = '';
  #ends: (() => void)[] = [];

  constructor(options: AuditDeskOptions) {
    const { node, site, otherSites, clock, log, logs } = options;
    this.#options = options;
    this.#refusals = new TokenBucket(REFUSALS, clock.monoMs());
    this.#core = new AuditCore({ node, site, otherSites, nowMonoMs: clock.monoMs() });
    const onFinding = (finding: Parameters<AuditCore['onFinding']>[0]) => void this.#core.onFinding(finding);
    this.#findings = new FindingReader({ logs, onFinding, clock, log });
  }

  open(): void {
    const { node, link, clock } = this.#options;
    this.#findings.open();
    this.#ends = [
      link.subscribe(routes.head, {}, ({ params, payload, retained }) => {
        // A retained head may be older than the record: who published it could have known.
        if (!retained) this.#do(this.#core.onHead(params.node, payload.sig, clock.monoMs()));
      }),
      link.subscribe(routes.beat, {}, ({ params, payload }) =>
        this.#do(this.#core.onBeat(params.node, `${payload.inv}/${payload.seq}/${payload.loopLagMs}`, clock.monoMs())),
      ),
      link.subscribe(routes.audit, { recipient: node }, ({ params, payload: { picture, ...audit } }) =>
        this.#do(this.#core.onAudit(params.sender, audit, picture, clock.monoMs())),
      ),
      link.subscribe(routes.verdict, { recipient: node }, ({ params, payload }) =>
        this.#do(this.#core.onReply(params.sender, replyOf(payload), clock.monoMs())),
      ),
      clock.every(TICK_MS, () => this.#tick()),
      clock.every(CLAIMS_MS, () => this.#tell()),
    ];
  }

  /** The others, or whether they are there, changed. */
  onPeers(): void {
    const neighbours = this.#options.peers().map(({ node, claims, isActive }) => ({
      ...{ node, site: claims.site, model: claims.model?.sha256 },
      isActive: isActive && claims.shares.audits && claims.state !== 'leaving',
      isOverloaded: claims.state === 'overloaded',
    }));
    this.#core.onNeighbours(neighbours);
  }

  onModel(sha256: string): void {
    this.#model = sha256;
    // Who has no camera audits others; the threshold of own results comes with the first of them.
    this.#core.onModel({ sha256, scoreMin: 0 });
  }

  /** The picture of records that come next. */
  onCandidate(report: CandidateReport): void {
    if (this.#candidates.has(report.camera)) this.#unrecorded++;
    this.#candidates.set(report.camera, { ...report, heardMonoMs: this.#options.clock.monoMs() });
    if (this.#model !== undefined) this.#core.onModel({ sha256: this.#model, scoreMin: report.scoreMin });
  }

  /** A record with a picture is in the log: of each picture the first one stands for all. */
  onRecorded(camera: string, record: LogRecord, epoch: string): void {
    const candidate = this.#candidates.get(camera);
    if (candidate === undefined || digestInRecord(candidate.digest) !== record.j) return;
    this.#candidates.delete(camera);
    const { live: isLive, capturedAtMs, jpeg, digest } = candidate;
    const leaf = leafHash(JSON.stringify(record));
    const keptMonoMs = this.#options.clock.monoMs();
    this.#core.keep({ epoch, seq: record.s, leaf, camera, isLive, capturedAtMs, jpeg, digest, keptMonoMs });
  }

  onVisionLost(): void {
    this.#model = undefined;
    this.#candidates.clear();
    this.#core.onModel(undefined);
    this.#do(this.#core.onBlind(this.#options.clock.monoMs()));
  }

  /** What was left out, refused or lost since the start, and findings that were not good. */
  drops(): Record<string, number> {
    const losses = Object.entries(this.#core.counters()).filter(([name]) => !WORK.has(name));
    const rest = { refusalsUnsaid: this.#refusalsUnsaid, unrecorded: this.#unrecorded };
    const failures = { sendFailures: this.#sendFailures, recordFailures: this.#recordFailures, ...rest };
    return Object.fromEntries([...losses, ...Object.entries(failures)].map(([name, n]) => [`audits.${name}`, n]));
  }

  close(): void {
    this.#findings.close();
    for (const end of this.#ends.splice(0)) end();
  }

  #tick(): void {
    const nowMonoMs = this.#options.clock.monoMs();
    this.#do(this.#core.onTick(nowMonoMs));
    this.#forgetUnrecorded(nowMonoMs);
    const doubts = JSON.stringify(this.#core.doubts);
    if (doubts !== this.#doubts) this.#tell();
    this.#doubts = doubts;
  }

  // A source that went to another node takes its last picture with it.
  #forgetUnrecorded(nowMonoMs: number): void {
    for (const [camera, { heardMonoMs }] of this.#candidates) {
      if (nowMonoMs - heardMonoMs < RECORD_WAIT_MS) continue;
      this.#candidates.delete(camera);
      this.#unrecorded++;
    }
  }

  #tell(): void {
    const { validInRow = 0, rate = 1 } = this.#core.standing ?? {};
    const { ring, outstanding } = this.#core;
    const now = { ringBytes: ring.bytes, outstanding: outstanding.given + outstanding.taken, validInRow, rate };
    const audits = { ...this.#core.counters(), ...now, lookMs: Math.round(this.#lookMs), owedLooks: this.#owedLooks };
    this.#options.onClaims({ doubts: [...this.#core.doubts].slice(0, DOUBTS_MAX), audits });
  }

  #do(effects: readonly AuditEffect[]): void {
    for (const effect of effects) this.#doOne(effect);
  }

  #doOne(effect: AuditEffect): void {
    const { link, node } = this.#options;
    switch (effect.type) {
      case 'look':
        void this.#look(effect);
        return;
      case 'ask': {
        const { boxes, ...audit } = effect.audit;
        const payload = {
          v: SCHEMA_MINOR,
          ...audit,
          boxes: [...boxes].map(wireBox),
          picture: Uint8Array.from(effect.jpeg),
        };
        this.#send(link.publish(routes.audit, { recipient: effect.to, sender: node }, payload));
        return;
      }
      case 'reply':
        if (!effect.reply.ok && !this.#refusals.take(this.#options.clock.monoMs())) {
          this.#refusalsUnsaid++;
          return;
        }
        for (const recipient of effect.to) {
          this.#send(link.publish(routes.verdict, { recipient, sender: node }, verdictOf(effect.reply)));
        }
        return;
      case 'record':
        this.#options.append(effect.fields).catch((error) => {
          this.#recordFailures++;
          this.#options.log.error('audit not recorded', { error: messageOf(error) });
        });
    }
  }

  async #look(effect: Extract<AuditEffect, { type: 'look' }>): Promise<void> {
    const { request, jpeg, scoreMin, colours } = effect;
    const { looks, clock, log } = this.#options;
    const looked = await looks.look({
      jpeg: Uint8Array.from(jpeg),
      scoreMin,
      ...(colours === undefined ? {} : { colours }),
      // Who has more to see than it can is audited, too, and audits others, who may be no better off.
      isGuest: !isOwnLook(request),
      isOwed: true,
      deadlineMs: AUDIT_LIMITS.answerMs,
    });
    if (looked.ok) {
      this.#lookMs += looked.tookMs;
      if (looked.wasOwed) this.#owedLooks++;
    } else log.debug('no look for an audit', { request, code: looked.code, error: looked.message });
    this.#do(this.#core.onLooked(request, looked.ok ? looked.boxes : undefined, clock.monoMs()));
  }

  #send(sent: Promise<void>): void {
    sent.catch((error) => {
      this.#sendFailures++;
      this.#options.log.debug('audit not sent', { error: messageOf(error) });
    });
  }
}

type WireBox = NonNullable<Verdict['boxes']>[number];

function wireBox({ l, p, b: [x1, y1, x2, y2] }: NonNullable<AuditReply['boxes']>[number]): WireBox {
  return { l, p, b: [x1, y1, x2, y2] };
}

function verdictOf({ id, of, ok, code, boxes, stuck }: AuditReply): Verdict {
  return {
    ...{ v: SCHEMA_MINOR, id, of, ok },
    ...(code === undefined ? {} : { code }),
    ...(boxes === undefined ? {} : { boxes: boxes.map(wireBox) }),
    ...(stuck === undefined ? {} : { stuck }),
  };
}

function replyOf({ id, of, ok, code, boxes, stuck }: Verdict): AuditReply {
  return {
    ...{ id, of, ok },
    ...(code === undefined ? {} : { code }),
    ...(boxes === undefined ? {} : { boxes }),
    ...(stuck === true ? { stuck } : {}),
  };
}
