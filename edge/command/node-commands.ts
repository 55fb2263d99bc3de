import type { Clock } from '../../base/clock.js';
import type { CommandAnswer } from '../../base/command/command-desk.js';
import type { DeepReadonly } from '../../base/config.js';
import type { Log } from '../../base/log.js';
import { labelSlug } from '../../protocol/ids.js';
import type { CameraConfig } from '../camera-config.js';
import { SNAPSHOT_WAIT_MS } from '../process/snapshot-desk.js';
import type { Adjustment, AnswerReport, VisionCommand } from '../process/vision-message.js';
import { labelsTracked } from '../vision/tracked-labels.js';
import { Adjustments } from './adjustments.js';
import type { CommandRequest } from './command-verbs.js';

export type NodeCommandsOptions = {
  readonly cameras: DeepReadonly<Record<string, CameraConfig>>;
  readonly clock: Clock;
  readonly log: Log;
  /** Tells the vision process; false while there is none. */
  readonly tellVision: (command: VisionCommand) => boolean;
  /** Labels of the model; undefined until it is loaded. */
  readonly modelLabels: () => readonly string[] | undefined;
  /** What a ping is answered. */
  readonly describe: () => Readonly<Record<string, unknown>>;
  /** Publishes birth and all retained state anew. */
  readonly rebirth: () => void;
};

type Args<V extends CommandRequest['verb']> = Extract<CommandRequest, { verb: V }>['args'];

/** All retained state again costs a broker and its readers; one asked for sooner is no news. */
const REBIRTH_PAUSE_MS = 5000;
/** Drawing and publishing the picture, beyond the wait for a frame. */
const SNAPSHOT_GRACE_MS = 1000;

/** Does what commands ask of a node. */
export class NodeCommands {
  readonly #options: NodeCommandsOptions;
  readonly #adjustments = new Adjustments();
  /** Pictures asked for, by request; the desk limits how many. */
  readonly #asked = new Map<string, (answer: CommandAnswer) => void>();
  #requests = 0;
  #rebirthMonoMs = Number.NEGATIVE_INFINITY;
  #cancelExpiry: (() => void) | undefined;

  constructor(options: NodeCommandsOptions) {
    this.#options = options;
  }

  /** @param sender named where others see what it did. */
  async perform(request: CommandRequest, sender: string): Promise<CommandAnswer> {
    switch (request.verb) {
      case 'ping':
        return { ok: true, result: this.#options.describe() };
      case 'rebirth':
        return this.#rebirth();
      case 'snapshot':
        return this.#refuseCamera(request.args.camera) ?? (await this.#snapshot(request.args));
      case 'pause':
        return this.#refuseCamera(request.args.camera) ?? this.#pause(request.args, sender);
      case 'resume':
        return this.#refuseCamera(request.args.camera) ?? this.#resume(request.args);
      case 'set-threshold':
        return this.#refuseCamera(request.args.camera) ?? this.#setThreshold(request.args);
    }
  }

  /** What a vision process that starts has to know. */
  adjustments(): Record<string, Adjustment> {
    return Object.fromEntries(Object.keys(this.#options.cameras).map((camera) => [camera, this.#adjustmentOf(camera)]));
  }

  /** The vision process has answered a request for a picture. */
  onAnswer({ request, ok, code, message, label, bytes }: AnswerReport): void {
    const refused = { ...(code === undefined ? {} : { code }), ...(message === undefined ? {} : { message }) };
    this.#asked.get(request)?.(ok ? { ok, result: { label: labelSlug(label ?? ''), bytes } } : { ok, ...refused });
  }

  close(): void {
    this.#cancelExpiry?.();
  }

  #rebirth(): CommandAnswer {
    const nowMonoMs = this.#options.clock.monoMs();
    if (nowMonoMs - this.#rebirthMonoMs < REBIRTH_PAUSE_MS) {
      return refused('try-again', `the last one was less than ${REBIRTH_PAUSE_MS / 1000} s ago`);
    }
    this.#rebirthMonoMs = nowMonoMs;
    this.#options.rebirth();
    return { ok: true };
  }

  async #snapshot({ camera, label }: Args<'snapshot'>): Promise<CommandAnswer> {
    if (this.#options.cameras[camera]?.snapshot.enabled === false) {
      return refused('not-allowed', `snapshots of ${camera} are switched off (snapshot.enabled)`);
    }
    const pausedBy = this.#adjustments.of(camera).paused;
    if (pausedBy !== undefined) return refused('unavailable', `${camera} is paused ${pausedBy}`);
    const refusal = label === undefined ? undefined : this.#refuseLabel(camera, label);
    if (refusal !== undefined) return refusal;
    return this.#ask(camera, label);
  }

  #ask(camera: string, label: string | undefined): Promise<CommandAnswer> {
    const { clock, tellVision } = this.#options;
    const request = `${++this.#requests}`;
    const sent = tellVision({ type: 'snapshot', request, camera, ...(label === undefined ? {} : { label }) });
    if (!sent) return Promise.resolve(refused('unavailable', 'the vision process is being started'));
    return new Promise((resolve) => {
      const settle = (answer: CommandAnswer) => {
        cancel();
        this.#asked.delete(request);
        resolve(answer);
      };
      const late = refused('unavailable', `${camera} gave no frame in ${SNAPSHOT_WAIT_MS / 1000} s`);
      const cancel = clock.after(SNAPSHOT_WAIT_MS + SNAPSHOT_GRACE_MS, () => settle(late));
      this.#asked.set(request, settle);
    });
  }

  #pause({ camera, ttlS }: Args<'pause'>, sender: string): CommandAnswer {
    const { clock } = this.#options;
    this.#adjustments.pause(camera, `by ${sender} for ${ttlS} s`, clock.monoMs() + ttlS * 1000);
    this.#changed(camera);
    return { ok: true, result: { ttlS } };
  }

  #resume({ camera }: Args<'resume'>): CommandAnswer {
    const wasPaused = this.#adjustments.resume(camera);
    if (wasPaused) this.#changed(camera);
    return { ok: true, result: { wasPaused } };
  }

  #setThreshold({ camera, label, value, ttlS }: Args<'set-threshold'>): CommandAnswer {
    const refusal = this.#refuseLabel(camera, label);
    if (refusal !== undefined) return refusal;
    this.#adjustments.setThreshold(camera, label, value, this.#options.clock.monoMs() + ttlS * 1000);
    this.#changed(camera);
    return { ok: true, result: { value, ttlS } };
  }

  #refuseCamera(camera: string): CommandAnswer | undefined {
    const known = Object.keys(this.#options.cameras);
    return known.includes(camera)
      ? undefined
      : refused('not-found', `no camera ${camera}; there is ${known.join(', ')}`);
  }

  #refuseLabel(camera: string, label: string): CommandAnswer | undefined {
    const model = this.#options.modelLabels();
    const config = this.#options.cameras[camera];
    if (model === undefined || config === undefined) return refused('try-again', 'the model is still being loaded');
    const tracked = labelsTracked(config.objects, model);
    if (tracked.includes(label)) return undefined;
    return refused('not-found', `${camera} does not track ${label}; it tracks ${tracked.join(', ')}`);
  }

  #changed(camera: string): void {
    const adjustment = this.#adjustmentOf(camera);
    this.#options.log.info('camera adjusted', { cameraId: camera, ...adjustment });
    // Without a vision process: the next one is told at its start.
    this.#options.tellVision({ type: 'adjust', camera, adjustment });
    this.#armExpiry();
  }

  #armExpiry(): void {
    const { clock } = this.#options;
    this.#cancelExpiry?.();
    const endMonoMs = this.#adjustments.nextEndMonoMs;
    if (endMonoMs === undefined) return;
    this.#cancelExpiry = clock.after(endMonoMs - clock.monoMs(), () => {
      for (const camera of this.#adjustments.expire(clock.monoMs())) this.#changed(camera);
      this.#armExpiry();
    });
  }

  #adjustmentOf(camera: string): Adjustment {
    const { paused, scoresMin } = this.#adjustments.of(camera);
    return { scoresMin: { ...scoresMin }, ...(paused === undefined ? {} : { paused }) };
  }
}

function refused(code: string, message: string): CommandAnswer {
  return { ok: false, code, message };
}
