import { join } from 'node:path';
import type { Clock } from '../base/clock.js';
import { CommandServer } from '../base/command/command-server.js';
import type { DeepReadonly } from '../base/config.js';
import { messageOf } from '../base/errors.js';
import { Link } from '../base/link/link.js';
import { bulkClientId, siteLinkOptions } from '../base/link/site-link.js';
import type { Log } from '../base/log.js';
import { Presence } from '../base/presence/presence.js';
import type { Random } from '../base/random.js';
import { readSecretFile } from '../base/secret-file.js';
import type { ServiceNotify } from '../base/service-notify.js';
import { readWebhookUrl } from '../base/webhook.js';
import type { MonitorFile } from './config.js';
import { addressesOf, planEntriesOf, planTimingsOf, timingsOf } from './config.js';
import { FrameWatch } from './frame-watch.js';
import { IncidentBoard } from './incident-board.js';
import { IncidentStore } from './incident-store.js';
import { MemoryFile } from './memory-file.js';
import { openMetrics } from './metrics/open-metrics.js';
import { type BrokerTold, Monitor } from './monitor.js';
import { MonitorCommands, type MonitorRequest, parseMonitorCommand } from './monitor-commands.js';
import { Notices } from './notices.js';
import type { Phase } from './plan/case.js';
import { Plan } from './plan/plan.js';
import type { PlanMode } from './plan/plan-step.js';
import type { Restarter } from './restarter/restarter.js';
import { SshRestarter } from './restarter/ssh-restarter.js';
import { Supervisor } from './supervisor.js';
import { openWebhook } from './webhook.js';

export type MonitorContext = {
  /** Ends the monitor gracefully. */
  readonly signal: AbortSignal;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  /** Folder of the monitor's state: its generation, incidents, what it did. */
  readonly stateDir: string;
  /** Software version, for the status. */
  readonly version: string;
  /** systemd's INVOCATION_ID, where there is one. */
  readonly invocation?: string;
  /** Tells systemd that the monitor is ready, decides and stops. */
  readonly notify?: ServiceNotify;
  /** How much of what it decides it does; as configured unless given. */
  readonly mode?: PlanMode;
};

/**
 * Runs a monitor until the signal aborts: watches the inventory's births, wills and heartbeats, asks boards about who is
 * gone, restarts what is dead, and tells all of it.
 * @throws OperationError `credentials-invalid` if a secret cannot be read; `unreachable` if systemd waits for a notice
 * and cannot be told. An absent broker is no error.
 */
export async function runMonitor(file: DeepReadonly<MonitorFile>, context: MonitorContext): Promise<void> {
  const { site, monitor: config } = file;
  const { signal, log, clock, random, notify, version } = context;
  const stateDir = join(context.stateDir, 'monitor', config.name);
  const base = await siteLinkOptions(site, config.name, config, { clock, random, log });
  const restarter = await openRestarter(config.sshKeyFile, clock);
  const link = new Link({ ...base, clientId: config.name });
  const presence = new Presence({
    link,
    identity: { kind: 'monitor', monitor: config.name },
    stateDir,
    version,
    clock,
    random,
    log,
    ...(context.invocation === undefined ? {} : { invocation: context.invocation }),
  });
  await presence.open();
  const store = await openStore(stateDir, clock, log);
  const memory = new MemoryFile(stateDir, clock);
  const webhook =
    config.webhook === undefined
      ? undefined
      : openWebhook({
          url: await readWebhookUrl(config.webhook),
          timeoutMs: config.webhook.timeoutMs,
          ...{ monitor: config.name, clock, random, log },
        });
  const notices = new Notices({ link, monitor: config.name, log });

  const entries = planEntriesOf(config);
  const planTimings = planTimingsOf(config);
  const plan = new Plan({
    entries,
    timings: planTimings,
    mode: context.mode ?? config.plan.mode,
    random,
    nowMonoMs: clock.monoMs(),
    watchedOnly: Object.keys(config.nodes).filter((node) => !entries.some((entry) => entry.node === node)),
    remembered: await memory.read().catch((error) => {
      log.error('what was done before is not known: ladders begin anew', { error: messageOf(error) });
      return new Map();
    }),
  });
  const inventory = Object.entries(config.nodes).map(([node, { site: shared }]) => ({ node, site: shared }));
  const subjects = new Set([config.name, ...inventory.map(({ node }) => node), ...Object.keys(config.brokers)]);
  const incidents = new IncidentBoard({
    link,
    monitor: config.name,
    subjects,
    clock,
    log,
    onTold: (incident) => store?.put(incident),
  });
  const supervisor = new Supervisor({
    plan,
    restarter,
    addresses: addressesOf(config),
    remember: (attempts) => memory.write(attempts),
    onIncident: (node, notes) => incidents.post(node, monitor.stateOf(node), notes),
    onNotice: (notice) => {
      webhook?.push(notice);
      notices.push(notice);
    },
    onPhase: () => monitor.tellSoon(),
    clock,
    log,
    signal,
  });
  let commands: CommandServer<MonitorRequest> | undefined;
  const monitor: Monitor = new Monitor({
    name: config.name,
    inventory,
    timings: timingsOf(config.timing),
    supervision: {
      take: (event) => supervisor.take(event),
      note: (node, notes) => supervisor.note(node, notes),
      onMaintenance: (node, maintenance) => supervisor.onMaintenance(node, maintenance),
      stateOf: (node) => toldPhaseOf(plan.case(node)?.phase),
      acts: context.mode ?? config.plan.mode,
      brokers: () => new Map(Object.keys(config.brokers).map((id) => [id, brokerToldOf(plan.case(id)?.phase)])),
      counters: () => ({
        ...plan.counters.snapshot(),
        ...notices.counters.snapshot(),
        ...webhook?.counters.snapshot(),
        ...store?.counters.snapshot(),
        ...commands?.counters(),
      }),
    },
    frames: new FrameWatch(Object.keys(config.nodes), planTimings.staleMs),
    incidents,
    onDecided: () => notify?.progress(),
    link,
    presence,
    makeSecondLink: () =>
      new Link({ ...base, clientId: bulkClientId(config.name), follows: link, log: log.child({ link: 'second' }) }),
    clock,
    log,
  });
  notices.open();
  const desk = new MonitorCommands({
    nodes: inventory.map(({ node }) => node),
    canRestart: (node) => plan.case(node)?.entry.kind === 'edge',
    requestRestart: (node, by) => supervisor.requestRestart(node, by),
    describe: () => ({ monitor: config.name, version, sid: presence.session.sid, atMs: clock.nowMs() }),
  });
  commands = new CommandServer({
    link,
    recipient: config.name,
    clock,
    log,
    sid: () => presence.session.sid,
    // A monitor acts on its clock already: maintenance ends by it.
    isClockSet: () => true,
    parse: parseMonitorCommand,
    perform: (request, sender) => desk.perform(request, sender),
  });
  commands.open();
  const metrics = await openMetrics(config.metrics, {
    ...{ link, clock, log, version, nodes: Object.keys(config.nodes) },
    monitor: () => monitor.facts(),
  });
  const running = monitor.run(signal);
  link.open();
  await notify?.ready(`${inventory.length} nodes, ${entries.length} on boards`);
  const mode = context.mode ?? config.plan.mode;
  log.info('monitor runs', { monitor: config.name, nodes: inventory.length, onBoards: entries.length, mode });
  await running;
  await notify?.stopping();
  commands.close();
  await metrics?.close();
  await webhook?.close();
  await presence.close('sigterm');
  await store?.close();
  log.info('monitor stopped', { counters: monitor.counters() });
}

async function openRestarter(keyFile: string | undefined, clock: Clock): Promise<Restarter> {
  // Without a key there are no boards, and nobody asks.
  const privateKey = keyFile === undefined ? '' : await readSecretFile(keyFile);
  return new SshRestarter({ privateKey, clock });
}

// A history that cannot be read or written is told; the fleet is supervised without it.
async function openStore(stateDir: string, clock: Clock, log: Log): Promise<IncidentStore | undefined> {
  return IncidentStore.open(stateDir, clock, log).catch((error) => {
    log.error('incidents are not stored', { folder: stateDir, error: messageOf(error) });
    return undefined;
  });
}

function brokerToldOf(phase: Phase | undefined): BrokerTold | undefined {
  if (phase === undefined || phase === 'idle') return undefined;
  return phase === 'probing' || phase === 'waiting' ? 'suspect' : phase;
}

function toldPhaseOf(phase: string | undefined): 'acting' | 'verifying' | 'quarantined' | undefined {
  return phase === 'acting' || phase === 'verifying' || phase === 'quarantined' ? phase : undefined;
}
