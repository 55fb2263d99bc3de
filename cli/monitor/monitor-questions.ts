import { OperationError } from '../../base/errors.js';
import { type Column, renderTable } from '../../base/terminal/table.js';
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
    const acts = roster.acts === undefined || roster.acts === 'act' ? '' : `, ${ACTS[roster.acts]}`;
    context.out.writeLine(
      `monitor ${monitor}: ${roster.mode}${acts}, told ${age} s ago${age > OLD_S ? ', is it running?' : ''}`,
    );
    context.out.writeLine(
      `  ${probes} probes, ${restarts} restarts (${restartsHelped} helped, ${restartsUseless} did not), ${quarantines} given up`,
    );
    const nowMs = context.clock.nowMs();
    const rows = Object.entries({ ...roster.nodes, ...roster.brokers }).map(([node, state]) => {
      const doubt = doubtWords(roster.doubts?.[node]);
      return { node, state: String(state), hold: holdWords(holds.get(node), nowMs), doubt };
    });
    const columns: Column<(typeof rows)[number]>[] = [
      { title: 'node', cell: ({ node }) => node },
      { title: 'state', cell: ({ state }) => state },
      { title: 'maintenance', cell: ({ hold }) => hold },
    ];
    // Only fleets that audit have any.
    if (roster.doubts !== undefined) columns.push({ title: 'results', cell: ({ doubt }) => doubt });
    context.out.write(renderTable(context.out, columns, rows));
  }
}

const ACTS = { 'dry-run': 'a dry run: it only says what it would do', observe: 'it only observes and asks no board' };
/** A roster is told every 10 s. */
const OLD_S = 40;

function doubtWords(doubt: NonNullable<Roster['doubts']>[string] | undefined): string {
  if (doubt === undefined) return '-';
  const { by, of, disputed, sinceMs } = doubt;
  return `doubted by ${by} of ${of} since ${new Date(sinceMs).toISOString()}, ${disputed} disputed`;
}

function holdWords(hold: Maintenance | undefined, nowMs: number): string {
  if (hold === undefined || hold.untilMs <= nowMs) return '-';
  const leftS = Math.ceil((hold.untilMs - nowMs) / 1000);
  return `${printable(hold.by)}: ${printable(hold.reason)}, ${leftS} s left`;
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
    const state = roster.nodes[node] ?? roster.brokers?.[node];
    if (state === undefined) return [];
    const doubt = roster.doubts?.[node];
    const told = { monitor, state, mode: roster.mode, acts: roster.acts ?? 'act' };
    return [{ ...told, doubt: doubt ?? null }];
  });
  if (options.json) {
    context.out.writeJson({ node, states, incidents: found, maintenance: holds.get(node) ?? null });
    return;
  }
  if (states.length === 0 && found.length === 0) throw unknownName(node, rosters);
  for (const { monitor, state, mode, acts, doubt } of states) {
    const restraint = acts === 'act' ? '' : ` It is ${acts === 'dry-run' ? ACTS[acts] : 'told to only observe'}.`;
    context.out.writeLine(`${node} is ${state} to monitor ${monitor}, which is ${mode}: ${MODES[mode]}.${restraint}`);
    if (doubt !== null) context.out.writeLine(`Its results are ${doubtWords(doubt)}.`);
  }
  const hold = holds.get(node);
  if (hold !== undefined) {
    const isOver = hold.untilMs <= context.clock.nowMs();
    const until = new Date(hold.untilMs).toISOString();
    context.out.writeLine(
      `Maintenance by ${printable(hold.by)} (${printable(hold.reason)}) ${isOver ? 'ran out at' : 'holds everything until'} ${until}.`,
    );
  }
  if (found.length === 0) context.out.writeLine('There was no incident: nothing had to be done.');
  for (const { monitor, incident } of found) {
    context.out.writeLine(`\nIncident (${incident.cause}) as ${monitor} saw it, from first sign to last:`);
    for (const { atMs, what } of incident.evidence) {
      // Rounded before: a millisecond before the beginning would be -0.0.
      const afterS = (Math.round((atMs - incident.openedAtMs) / 100) / 10).toFixed(1);
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
  const rosters = new Map<string, Roster>();
  let before: Maintenance | undefined;
  let wasHeld = false;
  let taken = () => {};
  const echo = new Promise<true>((resolve) => {
    taken = () => resolve(true);
  });
  await askFleet(
    options,
    context,
    (link) => {
      link.subscribe(routes.roster, {}, ({ params, payload }) => rosters.set(params.monitor, payload));
      const hold = (heard: string, payload?: Maintenance) => {
        if (heard === node) before = payload;
        if (heard === node && payload?.untilMs === (what === 'on' ? untilMs : undefined)) taken();
      };
      link.subscribe(
        routes.maintenance,
        {},
        ({ params, payload }) => hold(params.node, payload),
        ({ params }) => hold(params.node),
      );
    },
    async (link) => {
      if (rosters.size > 0 && whoKnows(node, rosters).length === 0) throw unknownName(node, rosters);
      wasHeld = before !== undefined && before.untilMs > context.clock.nowMs();
      const hold = { v: SCHEMA_MINOR, by: user, reason: options.reason ?? 'maintenance', untilMs };
      if (what === 'on') await link.publish(routes.maintenance, { node }, hold);
      else await link.publishEmpty(routes.maintenance, { node });
      // A broker acknowledges what it does not pass on, too: only the echo shows that it was taken.
      const late = context.clock.sleep(ECHO_MS, context.signal).then(() => false);
      if (await Promise.race([echo, late])) return;
      throw new OperationError({
        code: 'credentials-invalid',
        op: 'tell',
        subject: `broker ${link.brokerUrl}`,
        message: `${user} may not say that; allowed: operators`,
        hint: 'vedette broker passwd FILE NAME --role operator',
      });
    },
  );
  const until = what === 'on' ? ` until ${new Date(untilMs).toISOString()}` : '';
  const knowing = whoKnows(node, rosters);
  const who = knowing.length === 0 ? 'no monitor is there to hear it' : `heard by ${knowing.join(', ')}`;
  if (options.json)
    context.out.writeJson({
      node,
      maintenance: what,
      ...(what === 'on' ? { untilMs } : { wasHeld }),
      monitors: knowing,
    });
  else if (what === 'off' && !wasHeld) context.out.writeLine(`there was no maintenance of ${node}; ${who}`);
  else context.out.writeLine(`maintenance of ${node} is ${what}${until}; ${who}`);
}

/** How long the broker may take to pass on what it was told. */
const ECHO_MS = 3_000;

const MODES: Readonly<Record<Roster['mode'], string>> = {
  blind: 'its own link was down, it decides nothing',
  settling: 'it could not see for a while and decides nothing yet',
  mass: 'many fell silent at once, it holds back',
  watching: 'it sees and decides',
};

function whoKnows(node: string, rosters: ReadonlyMap<string, Roster>): string[] {
  return [...rosters].flatMap(([monitor, { nodes, brokers }]) =>
    nodes[node] === undefined && brokers?.[node] === undefined ? [] : [monitor],
  );
}

function unknownName(node: string, rosters: ReadonlyMap<string, Roster>): OperationError {
  const known = [...rosters.values()].flatMap(({ nodes, brokers }) => [
    ...Object.keys(nodes),
    ...Object.keys(brokers ?? {}),
  ]);
  const names = [...new Set(known)].toSorted().slice(0, 40).join(', ');
  return notHeard(`no monitor has ${node} in its inventory; there are: ${names || 'none, no monitor is heard'}`);
}

function notHeard(message: string): OperationError {
  return new OperationError({ code: 'not-found', op: 'ask', subject: 'the fleet', message });
}
