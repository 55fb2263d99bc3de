import { availableParallelism } from 'node:os';
import type { Clock } from '../base/clock.js';
import { CommandServer } from '../base/command/command-server.js';
import type { DeepReadonly } from '../base/config.js';
import { isErrorCode, messageOf, OperationError } from '../base/errors.js';
import type { Link } from '../base/link/link.js';
import { RetainedDocuments } from '../base/link/retained-documents.js';
import type { SideLinks } from '../base/link/side-links.js';
import type { Log } from '../base/log.js';
import { Heartbeat } from '../base/presence/heartbeat.js';
import type { Presence } from '../base/presence/presence.js';
import type { Random } from '../base/random.js';
import type { ServiceNotify } from '../base/service-notify.js';
import { routes } from '../protocol/routes.js';
import { type Beat, SCHEMA_MINOR } from '../protocol/status.js';
import { type CommandRequest, parseCommand } from './command/command-verbs.js';
import { NodeCommands } from './command/node-commands.js';
import type { EdgeConfig } from './config.js';
import { isClockSynchronised } from './health/clock-sync.js';
import { Cooling } from './health/cooling-loop.js';
import { HealthFile, type NodePulse } from './health/health-file.js';
import { HealthReporter } from './health/health-reporter.js';
import { cameraLosses, lossesOf } from './health/losses.js';
import { WatchdogFeed } from './health/watchdog-feed.js';
import { HassAnnouncer } from './home-assistant/announcer.js';
import { subjectOf } from './home-assistant/node-subject.js';
import { NodeRecords } from './node-records.js';
import { NodeRules } from './node-rules.js';
import type { NodeSharing } from './node-sharing.js';
import { detectorCount, viewCount } from './process/detector-count.js';
import { TrackLedger } from './process/track-ledger.js';
import { VisionHost, visionRepairMs } from './process/vision-host.js';
import type { CandidateReport, StartVision, TickReport, TrackReport, VisionReport } from './process/vision-message.js';
import { tickMsOf } from './process/vision-watch.js';
import { DeviceLinks } from './sensing/device-links.js';
import { SensorDesk } from './sensing/sensor-desk.js';
import { makeSensorSource } from './sensing/source-factory.js';
import { digestInRecord } from './sharing/audits/audit-effects.js';
import { CameraBoard } from './state/camera-board.js';
import { FormerTopics } from './state/former-topics.js';
import { buildNodeInfo, type NodeModel } from './state/node-info.js';

export type EdgeNodeOptions = {
  readonly config: DeepReadonly<EdgeConfig>;
  /** `site.name`. */
  readonly site: string;
  readonly modelPath: string;
  readonly stateDir: string;
  readonly version: string;
  readonly simCommand: readonly string[];
  /** The same of a simulated sensor. */
  readonly simSensorCommand: readonly string[];
  /** systemd's RuntimeDirectory, where there is one: the node's pulse is shown there. */
  readonly runtimeDir?: string;
  readonly link: Link;
  /** The second connection, for segments and fills. */
  readonly bulk: Link;
  /** Links to the brokers the node is not at. */
  readonly sides: SideLinks;
  readonly presence: Presence;
  readonly notify: ServiceNotify;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
};

/** The first start of the vision process may fail for reasons only a person can mend; later ones are retried. */
type Fatal = { readonly error: OperationError };

/**
 * One node: its vision process, its log, and what it shows on the wire. The main process does nothing that could block;
 * what the vision process reports is turned into records and retained state here.
 */
export class EdgeNode {
  readonly #options: EdgeNodeOptions;
  readonly #documents: RetainedDocuments;
  readonly #records: NodeRecords;
  readonly #host: VisionHost;
  readonly #heartbeat: Heartbeat;
  readonly #health: HealthReporter;
  readonly #cooling: Cooling;
  readonly #sensors: SensorDesk;
  readonly #rules: NodeRules;
  #sharing: NodeSharing | undefined;
  readonly #former: FormerTopics;
  readonly #hass: HassAnnouncer;
  readonly #commands: NodeCommands;
  readonly #commandServer: CommandServer<CommandRequest>;
  readonly #healthFile: HealthFile | undefined;
  readonly #watchdog: WatchdogFeed;
  readonly #boards: ReadonlyMap<string, CameraBoard>;
  readonly #ledger = new TrackLedger();
  readonly #giveUp = new AbortController();
  #model: NodeModel | undefined;
  #tick: TickReport | undefined;
  #fatal: Fatal | undefined;

  constructor(options: EdgeNodeOptions) {
    const { config, link, presence, clock, random, log, stateDir, version } = options;
    this.#options = options;
    this.#documents = new RetainedDocuments(link, clock, log);
    this.#boards = new Map(
      Object.keys(config.cameras).map((camera) => [camera, new CameraBoard(this.#documents, config.node, camera)]),
    );
    this.#records = new NodeRecords({
      ...{ stateDir, link, bulk: options.bulk, sides: options.sides, clock, random, log, isClockSynchronised },
      ...{ node: config.node, records: config.records, replica: config.replica },
      onDisk: () => this.#health.reportNow(),
      onReplicaState: (state) => this.#documents.set(routes.replica, { node: config.node }, state),
      opening: () => ({
        sw: version,
        model: this.#model === undefined ? null : { id: this.#model.id, sha256: this.#model.sha256 },
        labels: this.#model?.labels ?? [],
        cameras: Object.keys(config.cameras),
      }),
    });
    this.#host = new VisionHost({
      clock,
      random,
      log,
      limits: {
        frameDeadlineMs: config.limits.frameDeadlineMs,
        startDeadlineMs: config.limits.startDeadlineMs,
        memoryMaxMiB: config.limits.visionMemoryMaxMiB,
      },
      buildStart: () => this.#buildStart(),
      onReport: (report) => this.#onReport(report),
      onLost: (cause) => this.#onVisionLost(cause),
    });
    this.#heartbeat = new Heartbeat({
      link,
      presence,
      node: config.node,
      clock,
      log,
      periodMs: config.timing.beatMs,
      cameras: () => this.#beatCameras(),
    });
    const devices = new DeviceLinks({ node: config.node, clock, random, log });
    const sourceParts = { simCommand: options.simSensorCommand, devices, clock };
    this.#sensors = new SensorDesk({
      sensors: config.sensors,
      makeSource: ({ source }) => makeSensorSource(source, sourceParts),
      clock,
      log,
      tell: (sensor, reading) => {
        this.#documents.set(routes.sensor, { node: config.node, sensor }, reading);
        this.#rules.onReading(sensor, reading);
      },
    });
    this.#hass = new HassAnnouncer({
      ...{ node: config.node, stateDir, isOn: config.homeAssistant !== undefined },
      ...{ link, documents: this.#documents, clock, random, log },
    });
    this.#former = new FormerTopics({
      ...{ node: config.node, link, documents: this.#documents, clock, log },
      countsOf: (camera) => this.#boardOf(camera)?.counts,
    });
    this.#rules = new NodeRules({
      ...{ config, stateDir, documents: this.#documents, clock, random, log },
      append: (fields, atMs) => this.#records.append(fields, atMs),
    });
    this.#cooling = new Cooling({
      clock,
      log,
      limits: config.limits,
      onShare: (share) => {
        this.#host.send({ type: 'share', share });
        this.#health.reportNow();
      },
    });
    this.#health = new HealthReporter({
      stateDir,
      periodMs: config.timing.healthMs,
      clock,
      log,
      read: () => this.#readNode(),
      publish: (health) => this.#documents.set(routes.health, { node: config.node }, health),
    });
    this.#healthFile = options.runtimeDir === undefined ? undefined : new HealthFile(options.runtimeDir, clock, log);
    this.#watchdog = new WatchdogFeed({
      feed: (status) => options.notify.progress(status),
      clock,
      repairMs: visionRepairMs(config.limits),
      status: () => this.#statusLine(),
    });
    this.#commands = new NodeCommands({
      cameras: config.cameras,
      clock,
      log,
      tellVision: (command) => this.#host.send(command),
      modelLabels: () => this.#model?.labels,
      describe: () => this.#describe(),
      rebirth: () => presence.rebirth(),
    });
    this.#commandServer = new CommandServer({
      link,
      recipient: config.node,
      parse: parseCommand,
      isClockSet: isClockSynchronised,
      clock,
      log,
      sid: () => presence.session.sid,
      perform: (request, sender) => this.#commands.perform(request, sender),
    });
    presence.onRepublish(() => {
      this.#documents.republishAll();
      this.#records.republish();
    });
  }

  /** Opens the log. @throws OperationError `state-unwritable`, `state-locked`. */
  async open(): Promise<void> {
    await this.#records.open();
    await this.#rules.open();
    await this.#hass.open();
    this.#sharing = await this.#makeSharing();
    this.#showInfo();
    for (const board of this.#boards.values()) {
      const { clock } = this.#options;
      board.clear('starting', 'the vision process loads its model', clock.nowMs(), clock.monoMs());
    }
  }

  /** Runs until the signal aborts. @throws OperationError `model-missing` and others a person must mend, at the first start only. */
  async run(signal: AbortSignal): Promise<void> {
    this.#heartbeat.open();
    this.#health.open();
    this.#cooling.open();
    this.#sensors.open();
    this.#sharing?.open();
    this.#former.open();
    this.#watchdog.open();
    // A pipeline that never moves must not pass for a node without a pulse: from here on it grows old.
    this.#healthFile?.progress(() => this.#pulse());
    this.#commandServer.open();
    await this.#host.run(AbortSignal.any([signal, this.#giveUp.signal]));
    if (this.#fatal !== undefined) throw this.#fatal.error;
  }

  /** Ends open tracks and brings what was seen to disk and, as far as the broker takes it, to the wire. */
  async close(): Promise<void> {
    this.#commandServer.close();
    this.#commands.close();
    this.#heartbeat.close();
    this.#health.close();
    this.#cooling.close();
    await this.#sensors.close();
    this.#sharing?.close();
    this.#former.close();
    this.#watchdog.close();
    await this.#rules.close();
    await this.#hass.close();
    this.#endOpenTracks();
    await this.#records.close();
    this.#documents.close();
  }

  // Its code is a seventh of a node's, and loaded where it is on.
  async #makeSharing(): Promise<NodeSharing | undefined> {
    const { config, site, link, clock, random, log } = this.#options;
    const { sources, offers, audits } = config.sharing;
    if (!sources && !offers && !audits) {
      // What an earlier configuration claimed holds no more.
      this.#documents.clear(routes.claims, { node: config.node });
      return undefined;
    }
    const { NodeSharing } = await import('./node-sharing.js');
    return new NodeSharing({
      ...{ config, site, link, documents: this.#documents, clock, random, log },
      tellVision: (command) => this.#host.send(command),
      share: () => this.#cooling.share,
      append: (fields) => this.#records.append(fields),
      logs: () => this.#records.reader,
      firstTrackId: (source) => this.#ledger.firstFreeId(source),
    });
  }

  #buildStart(): StartVision {
    const { config, modelPath, simCommand } = this.#options;
    return {
      type: 'start',
      node: config.node,
      modelPath,
      threads: config.model.threads,
      instances: detectorCount(config.model.instances, {
        views: viewCount(Object.values(config.cameras), config.sharing),
        cores: availableParallelism(),
        threads: config.model.threads,
      }),
      frameDeadlineMs: config.limits.frameDeadlineMs,
      tickMs: tickMsOf({ ...config.limits, ...config.timing }),
      simCommand: [...simCommand],
      logLevel: config.logLevel,
      cameras: { ...config.cameras },
      firstTrackIds: this.#ledger.firstFreeIds(Object.keys(config.cameras)),
      share: this.#cooling.share,
      offers: config.sharing.offers,
      tellsWork: config.sharing.offers || config.sharing.sources,
      audits: config.sharing.audits,
      adjustments: this.#commands.adjustments(),
      sources: this.#sharing?.watched() ?? [],
    };
  }

  #onReport(report: VisionReport): void {
    switch (report.type) {
      case 'ready':
        this.#model = { ...report.model, labels: report.labels };
        this.#showInfo();
        this.#sharing?.onModel(this.#model);
        this.#hass.tell(subjectOf(this.#options.config, this.#options.link.root, this.#options.version, report.labels));
        return;
      case 'failed':
        this.#onVisionFailed(report);
        return;
      case 'track':
        this.#onTrack(report);
        return;
      case 'candidate':
        this.#onCandidate(report);
        return;
      case 'taken':
        this.#sharing?.onTaken(report.source);
        return;
      case 'looked':
        this.#sharing?.onLooked(report);
        return;
      case 'offer':
        this.#sharing?.onOffer(report);
        return;
      case 'answer':
        this.#commands.onAnswer(report);
        return;
      case 'tick':
        this.#tick = report;
        this.#sharing?.onTick(report);
        if (this.#isProgress(report)) this.#onProgress();
        return;
      default:
        this.#onCameraReport(report);
    }
  }

  #onProgress(): void {
    this.#heartbeat.progress();
    this.#healthFile?.progress(() => this.#pulse());
    this.#watchdog.progress();
  }

  #statusLine(): string {
    const cameras = Object.entries(this.#tick?.cameras ?? {});
    const fps = cameras.reduce((total, [, tick]) => total + tick.fps, 0);
    const well = [...this.#boards.values()].filter(({ isOk }) => isOk).length;
    const broker = this.#options.link.isUp ? 'broker connected' : 'no broker';
    return `${well} of ${this.#boards.size} cameras, ${fps.toFixed(1)} frames/s, ${broker}`;
  }

  #pulse(): NodePulse {
    const { presence, link } = this.#options;
    const well = Object.entries(this.#tick?.cameras ?? {}).filter(([camera]) => this.#boards.get(camera)?.isOk);
    const oldest = (ages: readonly (number | null)[]) =>
      ages.reduce<number | null>((max, age) => (age === null ? max : Math.max(max ?? 0, age)), null);
    return {
      invocation: presence.invocation,
      gen: presence.session.gen,
      isConnected: link.isUp,
      frameAgeMs: oldest(well.map(([, { frameAgeMs }]) => frameAgeMs)),
      inferAgeMs: oldest(well.map(([, { inferAgeMs }]) => inferAgeMs)),
    };
  }

  #boardOf(camera: string): CameraBoard | undefined {
    return this.#boards.get(camera) ?? this.#sharing?.boardOf(camera);
  }

  #onCameraReport(report: Extract<VisionReport, { type: 'camera' | 'count' | 'motion' | 'snapshot' }>): void {
    const board = this.#boardOf(report.camera);
    if (board === undefined) return;
    const { clock, log } = this.#options;
    if (report.type === 'camera' || report.type === 'motion') this.#rules.onCamera(report);
    if (report.type === 'camera') board.showState(report.state, clock.nowMs(), clock.monoMs());
    else if (report.type === 'count') board.showCount(report.label, report.count);
    else if (report.type === 'motion') board.showMotion(report.on);
    else if (!board.showSnapshot(report.label, report.jpeg)) {
      log.warn('snapshot too large', { cameraId: report.camera, bytes: report.jpeg.byteLength });
    }
  }

  #onCandidate(report: CandidateReport): void {
    const { camera, digest, capturedAtMs } = report;
    this.#sharing?.onCandidate(report);
    // What has tracks to tell is recorded with these.
    if (!report.isQuiet) return;
    this.#records.append({ k: 'look', c: camera, j: digestInRecord(digest) }, capturedAtMs).then(
      (record) => this.#sharing?.onRecorded(camera, record, this.#records.epoch ?? ''),
      (error) => this.#options.log.error('look not recorded', { cameraId: camera, error: messageOf(error) }),
    );
  }

  #onTrack(report: TrackReport): void {
    this.#ledger.note(report);
    this.#rules.onTrack(report);
    const { camera, capturedAtMs, ev, id, l, p, b, z, st, j } = report;
    const optional = {
      ...(z === undefined ? {} : { z }),
      ...(st === undefined ? {} : { st }),
      ...(this.#boards.has(camera) ? {} : { src: 1 }),
      ...(j === undefined ? {} : { j }),
    };
    this.#records.append({ k: 'track', c: camera, ev, id, l, p, b, ...optional }, capturedAtMs).then(
      (record) => {
        const { s, t } = record;
        this.#sharing?.onRecorded(camera, record, this.#records.epoch ?? '');
        if (this.#options.config.cameraEvents) this.#showEvent(report, s, t);
      },
      (error) => this.#options.log.error('track event not recorded', { cameraId: camera, error: messageOf(error) }),
    );
  }

  #showEvent(report: TrackReport, s: number, t: number): void {
    const [x1, y1, x2, y2] = report.b;
    const event = {
      v: SCHEMA_MINOR,
      e: this.#records.epoch ?? '',
      s,
      t,
      ev: report.ev,
      id: report.id,
      label: report.l,
      score: report.p / 1000,
      box: [x1 / 1000, y1 / 1000, x2 / 1000, y2 / 1000] satisfies [number, number, number, number],
      zones: report.z ?? [],
    };
    const params = { node: this.#options.config.node, camera: report.camera };
    // A view for automations: what the link cannot take now is not kept, the log has it.
    this.#options.link.publish(routes.cameraEvent, params, event).catch(() => {});
  }

  // A model that is missing or broken at the first start needs a person; one that fails later had worked before.
  #onVisionFailed({ code, message, hint }: Extract<VisionReport, { type: 'failed' }>): void {
    this.#options.log.error('vision process failed', { code, error: message });
    if (this.#model !== undefined || !isErrorCode(code)) return;
    const error = new OperationError({
      code,
      op: 'start',
      subject: `node ${this.#options.config.node}`,
      message,
      ...(hint === undefined ? {} : { hint }),
    });
    this.#fatal = { error };
    this.#giveUp.abort();
  }

  #onVisionLost(cause: string): void {
    const { clock } = this.#options;
    this.#tick = undefined;
    // First: what is out of sight has not left.
    this.#rules.onBlind();
    this.#sharing?.onVisionLost(cause);
    this.#endOpenTracks();
    for (const board of this.#boards.values()) {
      board.clear('detector', `the vision process ended (${cause})`, clock.nowMs(), clock.monoMs());
    }
  }

  #endOpenTracks(): void {
    for (const end of this.#ledger.endAll(this.#options.clock.nowMs())) this.#onTrack(end);
  }

  // A camera that says it is well must have been looked at; one that says it is not is being retried, which is progress.
  #isProgress(tick: TickReport): boolean {
    const { frameDeadlineMs } = this.#options.config.limits;
    return Object.values(tick.cameras).every(({ frameAgeMs }) => frameAgeMs === null || tick.busyMs < frameDeadlineMs);
  }

  #beatCameras(): Beat['cameras'] {
    const cameras = Object.keys(this.#options.config.cameras).map((camera) => {
      const tick = this.#tick?.cameras[camera];
      return [
        camera,
        { frameAgeMs: rounded(tick?.frameAgeMs), inferAgeMs: rounded(tick?.inferAgeMs), fps: tick?.fps ?? 0 },
      ];
    });
    return Object.fromEntries(cameras);
  }

  #readNode() {
    const records = this.#records.stats();
    const cameras = Object.entries(this.#tick?.cameras ?? {});
    const sum = (name: string) => cameras.reduce((total, [, { counters }]) => total + (counters[name] ?? 0), 0);
    return {
      frames: sum('frames'),
      overruns: sum('replaced') + sum('replaced-waiting') + sum('replaced-cooling'),
      share: this.#cooling.share,
      disk: records.disk,
      rssMiB: process.memoryUsage.rss() / (1024 * 1024) + this.#host.rssMiB,
      broker: this.#options.link.brokerUrl,
      queues: { ...records.queues, documents: this.#documents.unconfirmed },
      drops: lossesOf({
        ...records.drops,
        ...this.#host.counters.snapshot(),
        ...this.#tick?.counters,
        ...cameraLosses(Object.fromEntries(cameras), (camera) => this.#boards.has(camera), this.#tick?.gone),
        ...this.#options.link.stats().counters,
        ...this.#options.presence.counters(),
        ...this.#commandServer.counters(),
        ...sensorDrops(this.#sensors.counters()),
        ...this.#rules.drops(),
        ...this.#sharing?.drops(),
        ...this.#hass.counters(),
      }),
    };
  }

  #describe(): Record<string, unknown> {
    const { config, version, presence, clock } = this.#options;
    const { sid, gen } = presence.session;
    return { node: config.node, version, sid, gen, epoch: this.#records.epoch ?? null, atMs: clock.nowMs() };
  }

  #showInfo(): void {
    const { config, version } = this.#options;
    const info = buildNodeInfo(config, version, this.#records.publicKey, this.#model);
    this.#documents.set(routes.info, { node: config.node }, info);
  }
}

function sensorDrops({ samples: _, ...faults }: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(faults).map(([reason, count]) => [`sensor-${reason}`, count]));
}

function rounded(ageMs: number | null | undefined): number | null {
  return ageMs == null ? null : Math.round(Math.max(0, ageMs));
}
