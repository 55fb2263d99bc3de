/** What the rules say, for people. */
const WORDS: Readonly<Record<string, string>> = {
  M1: 'a birth of the present generation proves life',
  M2: 'a will says that a session ended, not that the node is dead',
  M3: 'a live heartbeat proves life; retained messages prove nothing',
  M4: 'silence for the lease makes suspect even without a will',
  M5: 'who is listed has to be there',
  M6: 'a monitor that cannot see decides nothing',
  M7: 'many at once is the broker or the network, not the nodes',
  M8: "the board's own supervisor goes first: grace",
  M9: 'confirmed is no permission to act: the board is asked first',
  M11: 'a restart has to show a new invocation and three heartbeats in which every camera that should deliver does',
  M12: 'births by turns are two processes with one name',
  '2.2': 'the probe table: what systemd and the pulse say decides',
  '2.3': 'the board compares, holds and counts: it has the last word',
  '2.4': 'budgets and few actions at a time',
  '2.5': 'maintenance holds everything until it runs out',
  D1: 'whose results most of the others that audit doubt, two at least, is faulty though it works',
  D2: 'more than half doubted at once: the doubts are in doubt, and nobody is touched',
  D3: 'one restart for a doubt: its new results, checked by the others, show whether it helped',
  L0: 'dry run or only watching: nothing is done',
  L1: 'restart the service',
  L2: 'restart what it depends on',
  L3: 'reboot the board',
  L4: 'give up and call a person',
};

/** `[L1] restart of ...` with the rule in words after it. */
export function inWords(evidence: string): string {
  const rule = /^\[([A-Z0-9.]+)\]/.exec(evidence)?.[1];
  const words = rule === undefined ? undefined : WORDS[rule];
  return words === undefined ? evidence : `${evidence}  (${words})`;
}
