import type { Clock } from '../base/clock.js';
import type { CommandAnswer } from '../base/command/command-desk.js';
import { messageOf } from '../base/errors.js';
import type { Log } from '../base/log.js';
import type { BoardCommand } from '../protocol/board.js';
import type { Maintenance, Notice } from '../protocol/status.js';
import { SCHEMA_MINOR } from '../protocol/status.js';
import type { IncidentNotes } from './incident.js';
import { IncidentBook } from './incident-book.js';
import type { PlanMemory } from './plan/case.js';
import type { Plan } from './plan/plan.js';
import type { ActionResult, PlanEvent, PlanStep } from './plan/plan-step.js';
import type { ProbeResult } from './plan/probe-table.js';
import { RestartRequests } from './restart-requests.js';
import type { BoardAddress, BoardReply, Restarter } from './restarter/restarter.js';

export type SupervisorOptions = {
  readonly plan: Plan;
  readonly restarter: Restarter;
  /** Boards by node or broker id. */
  readonly addresses: ReadonlyMap<string, BoardAddress>;
  /** Keeps the attempts on disk. */
  readonly remember: (memory: ReadonlyMap<string, PlanMemory>) => Promise<void>;
  /** An incident changed. */
  readonly onIncident: (node: string, notes: IncidentNotes) => void;
  /** A person should know. */
  readonly onNotice: (notice: Notice) => void;
  /** A node's state of acting changed. */
  readonly onPhase: () => void;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
};

/** The loop around the plan: carries out its steps over SSH and hands the answers back. It decides nothing itself. */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #book = new IncidentBook();
  readonly #requests: RestartRequests;
  #remembered: Promise<void> = Promise.resolve();

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#requests = new RestartRequests(options.clock);
    options.signal.addEventListener('abort', () => this.#requests.close(), { once: true });
  }

  take(event: PlanEvent): void {
    const { plan, clock } = this.#options;
    for (const step of plan.apply(event, clock.monoMs())) this.#perform(step);
  }

  /** Somebody asks for a restart; resolves with what came of it. */
  requestRestart(node: string, by: string): Promise<CommandAnswer> {
    const answer = this.#requests.wait(node);
    this.take({ kind: 'requested', node, by });
    return answer;
  }

  /** What the roster knows of an incident, with what was decided in it. */
  note(node: string, notes: IncidentNotes): IncidentNotes {
    const phase = this.#options.plan.case(node)?.phase ?? 'idle';
    return this.#book.note(node, notes, phase !== 'idle');
  }

  /** A person's word on a node, or its end before its time; told to the board too, which obeys it whoever asks. */
  onMaintenance(node: string, maintenance: Maintenance | undefined): void {
    const { clock, plan } = this.#options;
    const leftMs = maintenance === undefined ? 0 : maintenance.untilMs - clock.nowMs();
    // It ran out, maybe while nobody looked. The board knows that too; what it holds now is somebody else's.
    if (maintenance !== undefined && leftMs <= 0) return;
    const hold = maintenance === undefined ? undefined : { by: maintenance.by, reason: maintenance.reason, leftMs };
    this.take({ kind: 'maintenance', node, hold });
    const unit = plan.case(node)?.entry.unit;
    if (unit === undefined) return;
    const on =
      hold === undefined
        ? null
        : {
            seconds: Math.min(604_800, Math.max(1, Math.ceil(leftMs / 1000))),
            by: word(hold.by, 32),
            reason: word(hold.reason, 64),
          };
    this.#run(node, { verb: 'maintenance', unit, on }).then((reply) => {
      if (reply.kind === 'fault')
        this.#options.log.warn('maintenance not told to the board', { node, error: reply.message });
    });
  }

  #perform(step: PlanStep): void {
    const { log, onPhase, plan } = this.#options;
    switch (step.kind) {
      case 'phase':
        onPhase();
        return;
      case 'decision':
        this.#onDecision(step);
        return;
      case 'news':
        log.info('news', { node: step.node, rule: step.rule, what: step.what });
        this.#notify(step);
        return;
      case 'closed': {
        log.info('case closed', { node: step.node, what: step.what });
        const notes = this.#book.close(step.node, step.what, this.#options.clock.monoMs());
        if (notes !== undefined) this.#options.onIncident(step.node, notes);
        return;
      }
      case 'answered':
        this.#requests.answer(step.node, step);
        return;
      case 'remember': {
        const memory = plan.memory();
        const write = () => this.#options.remember(memory);
        this.#remembered = this.#remembered.then(write, write).catch((error) => {
          // A monitor whose disk is full still helps: its budget is kept in memory, the board keeps its own.
          log.error('attempts not kept on disk', { error: messageOf(error) });
        });
        return;
      }
      default:
        this.#order(step);
    }
  }

  #onDecision(step: Extract<PlanStep, { kind: 'decision' }>): void {
    const { node, rule, what, isAlert, probe } = step;
    const { log, clock, onIncident, plan } = this.#options;
    log[isAlert ? 'error' : 'info']('decision', { node, rule, what, ...(probe === undefined ? {} : { probe }) });
    const one = plan.case(node);
    if (one?.phase !== 'idle' || isAlert) {
      const cause = one?.entry.kind === 'broker' ? 'broker' : (one?.cause ?? step.cause ?? 'silent');
      onIncident(node, this.#book.decide(node, cause, rule, what, clock.monoMs()));
    }
    if (isAlert) this.#notify({ node, rule, what });
  }

  #notify({ node, rule, what }: Pick<Notice, 'node' | 'rule' | 'what'>): void {
    const { clock, onNotice } = this.#options;
    onNotice({ v: SCHEMA_MINOR, node, rule, what: what.slice(0, 300), atMs: clock.nowMs() });
  }

  #order(step: Extract<PlanStep, { kind: 'probe' | 'restart' | 'reboot' }>): void {
    const { node, step: id } = step;
    // What is ordered must be on disk first: a monitor that dies now must not order it again.
    const carryingOut = this.#remembered.then(() => this.#carryOut(step));
    carryingOut
      .catch((error): BoardReply => ({ kind: 'fault', fault: 'closed', message: messageOf(error) }))
      .then((reply) => {
        if (this.#options.signal.aborted) return;
        if (step.kind === 'probe') this.take({ kind: 'probed', node, step: id, result: probeResultOf(reply) });
        else this.take({ kind: 'acted', node, step: id, result: actionResultOf(reply) });
      });
  }

  async #carryOut(step: Extract<PlanStep, { kind: 'probe' | 'restart' | 'reboot' }>): Promise<BoardReply> {
    const { node } = step;
    if (step.kind === 'probe') return this.#run(node, { verb: 'probe', unit: step.unit });
    if (step.kind === 'reboot') return this.#run(node, { verb: 'reboot', boot: step.boot });
    for (const unit of step.dependencies) await this.#restartDependency(node, unit);
    return this.#run(node, { verb: 'restart', unit: step.unit, expected: step.expected });
  }

  async #restartDependency(node: string, unit: string): Promise<void> {
    const probed = await this.#run(node, { verb: 'probe', unit });
    if (probed.kind === 'fault' || !('active' in probed.answer)) return;
    const reply = await this.#run(node, { verb: 'restart', unit, expected: probed.answer.inv });
    const outcome = reply.kind === 'fault' ? reply.message : reply.answer.outcome;
    this.#options.log.info('dependency restarted', { node, unit, outcome });
  }

  async #run(node: string, command: BoardCommand): Promise<BoardReply> {
    const { addresses, restarter, signal } = this.#options;
    const address = addresses.get(node);
    if (address === undefined) return { kind: 'fault', fault: 'unreachable', message: `no board for ${node}` };
    return restarter.run(address, command, signal);
  }
}

function probeResultOf(reply: BoardReply): ProbeResult {
  if (reply.kind === 'fault') return reply;
  return 'active' in reply.answer ? { kind: 'probe', probe: reply.answer } : { kind: 'refused', answer: reply.answer };
}

function actionResultOf(reply: BoardReply): ActionResult {
  if (reply.kind === 'fault') return reply;
  if ('active' in reply.answer) return { kind: 'fault', fault: 'garbage', message: 'a probe in answer to an action' };
  return { kind: 'answer', answer: reply.answer };
}

/** Free text as one word of the board's grammar. */
function word(text: string, lettersMax: number): string {
  const plain = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+/, '')
    .slice(0, lettersMax)
    .replace(/-+$/, '');
  return plain === '' ? 'unnamed' : plain;
}
