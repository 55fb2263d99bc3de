import { OperationError } from '../../base/errors.js';
import { renderTable } from '../../base/terminal/table.js';
import { printable } from '../../base/terminal/terminal.js';
import { routes } from '../../protocol/routes.js';
import { type Incident, type Maintenance, type Roster, SCHEMA_MINOR } from '../../protocol/status.js';
import { type CommandContext, usageError } from '../command-context.js';
import { askFleet, type QuestionOptions } from './fleet-question.js';
import { inWords } from './rule-words.js';

type Heard = {
  readonly rosters: Map<string, Roster>;
  readonly incidents: Map<string, { readonly monitor: string; readonly incident: Incident }>;
  readonly holds: Map<string, Maintenance>;
};

async function hear(options: QuestionOptions, context: CommandContext): Promise<Heard> {
  const heard: Heard = { rosters: new Map(), incidents: new Map(), holds: new Map() };
  await askFleet(options, context, (link) => {
    link.subscribe(routes.roster, {}, ({ params, payload }) => heard.rosters.set(params.monitor, payload));
    link.subscribe(routes.incident, {}, ({ params, payload }) => {
      heard.incidents.set(`${params.monitor}/${params.node}`, { monitor: params.monitor, incident: payload });
    });
    link.subscribe(routes.maintenance, {}, ({ params, payload }) => heard.holds.set(params.node, payload));
  });
  return heard;
}

/** What each monitor believes, and whether its restarts help. */
export async function monitorStatus(options: QuestionOptions, context: CommandContext): Promise<void> {
  const { rosters, holds } = await hear(options, context);
  if (options.json) {
    context.out.writeJson({ monitors: Object.fromEntries(rosters), maintenance: Object.fromEntries(holds) });
    return;
  }
  if (rosters.size === 0) throw notHeard('no monitor has told its roster to this broker');
  for (const [monitor, roster] of rosters) {
    const { restarts = 0, restartsHelped = 0, restartsUseless = 0, probes = 0, quarantines = 0 } = roster.counters;
    const age = Math.max(0, Math.round((context.clock.nowMs() - roster.atMs) / 1000));
    context.out.writeLine(`monitor ${monitor}: ${roster.mode}, told ${age} s ago`);
    context.out.writeLine(
      `  ${probes} probes, ${restarts} restarts (${restartsHelped} helped, ${restartsUseless} did not), ${quarantines} given up`,
    );
    const rows = Object.entries(roster.nodes).map(([node, state]) => ({ node, state, hold: holds.get(node) }));
    const columns = [
      { title: 'node', cell: ({ node }: (typeof rows)[number]) => node },
      { title: 'state', cell: ({ state }: (typeof rows)[number]) => state },
      {
        title: 'maintenance',
        cell: ({ hold }: (typeof rows)[number]) => (hold === undefined ? '-' : `${hold.by}: ${hold.reason}`),
      },
    ];
    context.out.write(renderTable(context.out, columns, rows));
  }
}

/** The open or last incident of every node. */
export async function monitorIncidents(options: QuestionOptions, context: CommandContext): Promise<void> {
  const { incidents } = await hear(options, context);
  const rows = [...incidents.values()].toSorted((a, b) => b.incident.openedAtMs - a.incident.openedAtMs);
  if (options.json) {
    context.out.writeJson({ incidents: rows.map(({ monitor, incident }) => ({ monitor, ...incident })) });
    return;
  }
  if (rows.length === 0) context.out.writeLine('no incidents');
  for (const { monitor, incident } of rows) {
    const { node, state, cause, openedAtMs, closedAtMs, evidence } = incident;
    const length = closedAtMs === undefined ? 'open' : `over after ${Math.round((closedAtMs - openedAtMs) / 1000)} s`;
    context.out.writeLine(
      `${new Date(openedAtMs).toISOString()}  ${node}  ${cause}, ${length}, now ${state} (${monitor})`,
    );
    context.out.writeLine(`    ${printable(evidence.at(-1)?.what ?? '')}`);
  }
}

/** Why a monitor acted on a node or did not, rule by rule. */
export async function monitorExplain(node: string, options: QuestionOptions, context: CommandContext): Promise<void> {
  const { rosters, incidents, holds } = await hear(options, context);
  const found = [...incidents.values()].filter(({ incident }) => incident.node === node);
  const states = [...rosters].flatMap(([monitor, roster]) => {
    const state = roster.nodes[node];
    return state === undefined ? [] : [{ monitor, state, mode: roster.mode }];
  });
  if (options.json) {
    context.out.writeJson({ node, states, incidents: found, maintenance: holds.get(node) ?? null });
    return;
  }
  if (states.length === 0 && found.length === 0) throw notHeard(`no monitor has ${node} in its inventory`);
  for (const { monitor, state, mode } of states) {
    context.out.writeLine(`${node} is ${state} to monitor ${monitor}, which is ${mode}.`);
  }
  const hold = holds.get(node);
  if (hold !== undefined) {
    context.out.writeLine(
      `Maintenance by ${printable(hold.by)} until ${new Date(hold.untilMs).toISOString()}: ${printable(hold.reason)}`,
    );
  }
  if (found.length === 0) context.out.writeLine('There was no incident: nothing had to be done.');
  for (const { monitor, incident } of found) {
    context.out.writeLine(`\nIncident (${incident.cause}) as ${monitor} saw it, from first sign to last:`);
    for (const { atMs, what } of incident.evidence) {
      const afterS = ((atMs - incident.openedAtMs) / 1000).toFixed(1);
      context.out.writeLine(`  ${afterS.padStart(8)} s  ${inWords(printable(what))}`);
    }
    if (incident.closedAtMs === undefined) context.out.writeLine('  It is still open.');
  }
}

export type MaintenanceOptions = QuestionOptions & { readonly for?: number; readonly reason?: string };

/** Lets a person work on a node: nothing is done about it until the time has run out. */
export async function monitorMaintenance(
  what: string,
  node: string,
  options: MaintenanceOptions,
  context: CommandContext,
): Promise<void> {
  if (what !== 'on' && what !== 'off') throw usageError('monitor maintenance', `on or off, not ${what}`);
  const { user } = options;
  if (user === undefined) {
    throw usageError('monitor maintenance', 'who are you?', '--user NAME --password-file FILE of an operator');
  }
  const untilMs = context.clock.nowMs() + (options.for ?? 7_200) * 1000;
  await askFleet(
    options,
    context,
    () => {},
    async (link) => {
      const hold = { v: SCHEMA_MINOR, by: user, reason: options.reason ?? 'maintenance', untilMs };
      if (what === 'on') await link.publish(routes.maintenance, { node }, hold);
      else await link.publishEmpty(routes.maintenance, { node });
    },
  );
  const until = what === 'on' ? ` until ${new Date(untilMs).toISOString()}` : '';
  if (options.json) context.out.writeJson({ node, maintenance: what, ...(what === 'on' ? { untilMs } : {}) });
  else context.out.writeLine(`maintenance of ${node} is ${what}${until}`);
}

function notHeard(message: string): OperationError {
  return new OperationError({ code: 'not-found', op: 'ask', subject: 'the fleet', message });
}
