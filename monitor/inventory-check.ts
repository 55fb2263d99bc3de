import { z } from 'zod';
import { edgeUnit } from '../protocol/board.js';

/**
 * What an inventory says of who is where, read as leniently as it goes: what names what is checked even where something
 * else of it is wrong, so that all faults are told at once.
 */
const Text = z.string().optional().catch(undefined);
const Node = z.object({ board: Text, unit: Text, dependencies: z.array(z.unknown()).catch([]) });
const Board = z.object({ host: Text, port: z.number().catch(22).default(22) });
const Inventory = z.object({
  nodes: z.record(z.string(), Node.catch({ board: undefined, unit: undefined, dependencies: [] })).catch({}),
  boards: z.record(z.string(), Board.catch({ host: undefined, port: 22 })).catch({}),
  brokers: z
    .record(z.string(), z.object({ board: Text, unit: Text }).catch({ board: undefined, unit: undefined }))
    .catch({}),
  sshKeyFile: Text,
});
type Inventory = z.infer<typeof Inventory>;

export type InventoryFault = { readonly path: string[]; readonly message: string };

/** Every fault between the parts of an inventory. Pure. @param value the `monitor` section as it was read. */
export function inventoryFaults(value: unknown): InventoryFault[] {
  const parsed = Inventory.safeParse(value);
  if (!parsed.success) return [];
  const inventory = parsed.data;
  return [
    ...unknownBoards(inventory),
    ...sharedNames(inventory),
    ...sharedUnits(inventory),
    ...sharedDoors(inventory),
    ...missingKey(inventory),
  ];
}

function unknownBoards({ nodes, brokers, boards }: Inventory): InventoryFault[] {
  const known = Object.keys(boards);
  const message = `names no board of this inventory; allowed: ${known.join(', ') || 'none, boards is empty'}`;
  const placed = [...Object.entries(nodes).map(at('nodes')), ...Object.entries(brokers).map(at('brokers'))];
  return placed
    .filter(({ board }) => board !== undefined && !known.includes(board))
    .map(({ path }) => ({ path: [...path, 'board'], message }));
}

function sharedNames({ nodes, brokers }: Inventory): InventoryFault[] {
  const both = Object.keys(brokers).filter((broker) => Object.hasOwn(nodes, broker));
  return both.map((broker) => ({ path: ['brokers', broker], message: 'is the name of a node too' }));
}

// Two names for one unit would restart each other's service, and count its restarts twice.
function sharedUnits({ nodes, brokers }: Inventory): InventoryFault[] {
  const seen = new Map<string, string>();
  const faults: InventoryFault[] = [];
  const units = [
    ...Object.entries(nodes).map(([node, one]) => ({ ...at('nodes')([node, one]), unit: one.unit ?? edgeUnit(node) })),
    ...Object.entries(brokers).map(([broker, one]) => {
      return { ...at('brokers')([broker, one]), unit: one.unit ?? 'vedette-broker.service' };
    }),
  ];
  for (const { path, board, unit } of units) {
    if (board === undefined) continue;
    const first = seen.get(`${board} ${unit}`);
    if (first === undefined) seen.set(`${board} ${unit}`, path.join('.'));
    else faults.push({ path: [...path], message: `is ${unit} on board ${board}, and so is ${first}` });
  }
  for (const [node, { unit, dependencies }] of Object.entries(nodes)) {
    if (!dependencies.includes(unit ?? edgeUnit(node))) continue;
    faults.push({ path: ['nodes', node, 'dependencies'], message: 'names its own unit' });
  }
  return faults;
}

function sharedDoors({ boards }: Inventory): InventoryFault[] {
  const seen = new Map<string, string>();
  return Object.entries(boards).flatMap(([board, { host, port }]) => {
    if (host === undefined) return [];
    const first = seen.get(`${host}:${port}`);
    seen.set(`${host}:${port}`, first ?? board);
    return first === undefined
      ? []
      : [{ path: ['boards', board], message: `is at ${host}:${port}, and so is ${first}` }];
  });
}

function missingKey({ boards, sshKeyFile }: Inventory): InventoryFault[] {
  if (Object.keys(boards).length === 0 || sshKeyFile !== undefined) return [];
  return [{ path: ['sshKeyFile'], message: 'required where there are boards' }];
}

function at(section: string) {
  return ([name, { board }]: readonly [string, { readonly board?: string | undefined }]) => ({
    path: [section, name],
    board,
  });
}
