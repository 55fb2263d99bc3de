import { describe, expect, it } from 'vitest';
import { Rendezvous, weightOf } from '../../../../edge/sharing/sources/rendezvous.js';
import { HEEDED_MAX, LOOK_EVERY_MS, SOURCE_TIMES } from '../../../../edge/sharing/sources/source-limits.js';
import { SourceOwnership } from '../../../../edge/sharing/sources/source-ownership.js';
import type { Watcher, WatcherState } from '../../../../edge/sharing/sources/watchers.js';
import { SOURCES_MAX } from '../../../../protocol/sharing.js';

const IDLE: WatcherState = { state: 'active', spareFps: 8, isDoubted: false };
const { settleMs, unclaimedWaitMs, rankWaitMs, ranksMax, relieveMs, forgetMs, proveMs } = SOURCE_TIMES;
/** By now everybody has settled, and everything that nobody had was taken by the last in the order. */
const CALM_MS = settleMs + unclaimedWaitMs + ranksMax * rankWaitMs;

function peer(node: string, more: Partial<Watcher> = {}): Watcher {
  const { spareFps = IDLE.spareFps } = more;
  return { ...IDLE, node, weight: weightOf(spareFps), owns: [], heard: [], ...more };
}

function owner(node: string, ownedMax = 16, knownMax = 256): SourceOwnership {
  const ownership = new SourceOwnership({ node, ownedMax, knownMax });
  ownership.setSelf(IDLE);
  ownership.linkUp(0);
  return ownership;
}

/** Asks twice a second, as the node does. */
function planAt(ownership: SourceOwnership, fromMs: number, untilMs: number) {
  let plan = ownership.plan(fromMs);
  for (let ms = fromMs + 500; ms <= untilMs; ms += 500) plan = ownership.plan(ms);
  return plan;
}

/** Name of the node that is at a place of the order for the source `yard`, of nodes that could all do the same. */
function ranked(place: number, nodes: readonly string[]): string {
  const weight = weightOf(IDLE.spareFps);
  return (
    new Rendezvous().order(
      'yard',
      nodes.map((node) => ({ node, weight })),
    )[place] ?? ''
  );
}

const NODES = ['cam1', 'cam2', 'cam3'];
const FIRST = ranked(0, NODES);
const SECOND = ranked(1, NODES);
const THIRD = ranked(2, NODES);

describe('a node alone', () => {
  it('watches everything it knows of', () => {
    const ownership = owner('cam1');
    ownership.announced('yard');
    ownership.heardFrame('gate', 0);
    const { owned, claims } = planAt(ownership, 0, CALM_MS);
    expect(owned).toEqual(['gate', 'yard']);
    expect(claims).toEqual([
      { source: 'gate', as: 'owner' },
      { source: 'yard', as: 'owner' },
    ]);
  });

  it('claims nothing before it could hear what others claim', () => {
    const ownership = owner('cam1');
    ownership.announced('yard');
    expect(ownership.plan(settleMs - 1)).toMatchObject({ owned: [], claims: [] });
  });

  it('watches as many as it may, and names those it leaves', () => {
    const ownership = owner('cam1', 2);
    for (const source of ['a', 'b', 'c']) ownership.announced(source);
    expect(planAt(ownership, 0, CALM_MS)).toMatchObject({ owned: ['a', 'b'], left: ['c'] });
  });

  it('leaves alone a source that is called as one of its cameras, whoever tells of it', () => {
    const ownership = new SourceOwnership({ node: 'cam1', ownedMax: 4, knownMax: 256, except: ['front'] });
    ownership.setSelf(IDLE);
    ownership.linkUp(0);
    ownership.announced('front');
    ownership.setPeers([peer('cam2', { heard: ['front'] })]);
    expect(planAt(ownership, 0, CALM_MS).owned).toEqual([]);
  });

  it('goes on watching when it is to leave, as nobody else does', () => {
    const ownership = owner('cam1');
    ownership.announced('yard');
    planAt(ownership, 0, CALM_MS);
    ownership.setSelf({ ...IDLE, state: 'leaving' });
    expect(ownership.plan(CALM_MS + 60_000).owned).toEqual(['yard']);
  });

  it('watches although it is overloaded', () => {
    const ownership = owner('cam1');
    ownership.setSelf({ ...IDLE, state: 'overloaded' });
    ownership.announced('yard');
    expect(planAt(ownership, 0, CALM_MS).owned).toEqual(['yard']);
  });

  it('holds what it has while there is no broker, and claims it again afterwards', () => {
    const ownership = owner('cam1');
    ownership.announced('yard');
    planAt(ownership, 0, CALM_MS);
    ownership.linkDown();
    expect(ownership.plan(CALM_MS + 1)).toMatchObject({ owned: ['yard'], claims: [], isOnDuty: false });
    ownership.linkUp(CALM_MS + 2);
    expect(ownership.plan(CALM_MS + 3)).toMatchObject({ owned: ['yard'], claims: [] });
    expect(ownership.plan(CALM_MS + 2 + settleMs).claims).toEqual([{ source: 'yard', as: 'owner' }]);
  });

  it('goes on with what it holds after hours without a broker, and forgets what was withdrawn meanwhile', () => {
    const ownership = owner('cam1');
    for (const source of ['gate', 'yard']) ownership.announced(source);
    planAt(ownership, 0, CALM_MS);
    ownership.linkDown();
    const backMs = 20 * forgetMs;
    ownership.linkUp(backMs);
    expect(ownership.plan(backMs).owned).toEqual(['gate', 'yard']);
    ownership.announced('yard');
    expect(planAt(ownership, backMs + 500, backMs + forgetMs + LOOK_EVERY_MS).owned).toEqual(['yard']);
  });

  it('forgets a source that was silent for long', () => {
    const ownership = owner('cam1');
    ownership.heardFrame('yard', 0);
    planAt(ownership, 0, CALM_MS);
    expect(ownership.plan(forgetMs).owned).toEqual(['yard']);
    expect(ownership.plan(CALM_MS + forgetMs + LOOK_EVERY_MS).owned).toEqual([]);
  });
});

describe('nodes that share sources', () => {
  const others = (me: string, more: Partial<Watcher> = {}) =>
    NODES.filter((node) => node !== me).map((node) => peer(node, more));

  it.each([
    [FIRST, 0],
    [SECOND, 1],
    [THIRD, 2],
  ])('take what nobody has in their order: %s is number %i', (node, rank) => {
    const ownership = owner(node);
    ownership.announced('yard');
    ownership.setPeers(others(node));
    planAt(ownership, 0, settleMs);
    const dueMs = unclaimedWaitMs + rank * rankWaitMs;
    expect(ownership.plan(dueMs - 1).owned).toEqual([]);
    expect(ownership.plan(dueMs).owned).toEqual(['yard']);
  });

  it('know a source from those who heard it', () => {
    const ownership = owner(FIRST);
    ownership.setPeers(others(FIRST, { heard: ['yard'] }));
    expect(planAt(ownership, 0, CALM_MS).owned).toEqual(['yard']);
  });

  it('leave an owner what it has, whoever is first in the order', () => {
    const ownership = owner(FIRST);
    ownership.setPeers([peer(SECOND), peer(THIRD, { owns: ['yard'] })]);
    const { owned, claims } = planAt(ownership, 0, 600_000);
    expect(owned).toEqual([]);
    expect(claims).toEqual([{ source: 'yard', as: 'standby' }]);
  });

  it('have one standby', () => {
    const ownership = owner(SECOND);
    ownership.setPeers([peer(FIRST), peer(THIRD, { owns: ['yard'] })]);
    expect(planAt(ownership, 0, CALM_MS).claims).toEqual([]);
  });

  it('take over at once from an owner that is gone', () => {
    const ownership = owner(FIRST);
    ownership.setPeers([peer(SECOND), peer(THIRD, { owns: ['yard'] })]);
    planAt(ownership, 0, CALM_MS);
    ownership.setPeers([peer(SECOND)]);
    expect(ownership.plan(CALM_MS + 1).owned).toEqual(['yard']);
  });

  it('take over a second later when the standby does not', () => {
    const ownership = owner(SECOND);
    ownership.setPeers([peer(FIRST), peer(THIRD, { owns: ['yard'] })]);
    planAt(ownership, 0, CALM_MS);
    ownership.setPeers([peer(FIRST)]);
    expect(ownership.plan(CALM_MS + 1).owned).toEqual([]);
    expect(ownership.plan(CALM_MS + rankWaitMs).owned).toEqual([]);
    expect(ownership.plan(CALM_MS + 1 + rankWaitMs).owned).toEqual(['yard']);
  });

  it('come to one owner when two have it: the second in the order gives way', () => {
    const keeps = owner(FIRST);
    const yields = owner(SECOND);
    for (const ownership of [keeps, yields]) {
      ownership.announced('yard');
      planAt(ownership, 0, CALM_MS);
    }
    keeps.setPeers([peer(SECOND, { owns: ['yard'] })]);
    yields.setPeers([peer(FIRST, { owns: ['yard'] })]);
    expect(keeps.plan(CALM_MS + 1).owned).toEqual(['yard']);
    expect(yields.plan(CALM_MS + 1).owned).toEqual([]);
  });

  it('give way when they come back and another one has it, whatever the order', () => {
    const ownership = owner(FIRST);
    ownership.announced('yard');
    planAt(ownership, 0, CALM_MS);
    ownership.linkDown();
    ownership.linkUp(CALM_MS + 60_000);
    ownership.setPeers([peer(THIRD, { owns: ['yard'] })]);
    expect(ownership.plan(CALM_MS + 60_010).owned).toEqual([]);
  });

  it.each([
    ['leaves', { state: 'leaving' }],
    ['is doubted', { isDoubted: true }],
  ] as const)('take over from an owner that %s, before it lets go', (_, more) => {
    const next = owner(FIRST);
    next.setPeers([peer(THIRD, { owns: ['yard'], ...more })]);
    expect(planAt(next, 0, CALM_MS).owned).toEqual(['yard']);
    const leaver = owner(THIRD);
    leaver.announced('yard');
    planAt(leaver, 0, CALM_MS);
    leaver.setSelf({ ...IDLE, ...more });
    leaver.setPeers([peer(FIRST)]);
    expect(leaver.plan(CALM_MS + 1).owned).toEqual(['yard']);
    leaver.setPeers([peer(FIRST, { owns: ['yard'] })]);
    expect(leaver.plan(CALM_MS + 2).owned).toEqual([]);
  });

  it('relieve an overloaded owner of one source, and of the next when it has had time to feel it', () => {
    const ownership = owner(FIRST);
    const loaded = (owns: string[]) => [peer(THIRD, { owns, state: 'overloaded' })];
    ownership.setPeers(loaded(['a', 'b', 'yard']));
    expect(planAt(ownership, 0, relieveMs - 1).owned).toEqual([]);
    const { owned } = planAt(ownership, relieveMs, relieveMs + 10_000);
    expect(owned).toHaveLength(1);
    ownership.setPeers(loaded(['a', 'b', 'yard'].filter((source) => source !== owned[0])));
    expect(planAt(ownership, relieveMs + 10_500, 2 * relieveMs + 10_000).owned).toHaveLength(1);
    expect(planAt(ownership, 2 * relieveMs + 10_500, 2 * relieveMs + 12_000).owned).toHaveLength(2);
  });

  it('wait for who took over when they hear first that the owner let go', () => {
    const ownership = owner(SECOND);
    ownership.announced('yard');
    ownership.setPeers([peer(FIRST), peer(THIRD, { owns: ['yard'], state: 'overloaded' })]);
    planAt(ownership, 0, relieveMs + 500);
    ownership.setPeers([peer(FIRST), peer(THIRD, { state: 'overloaded' })]);
    expect(planAt(ownership, relieveMs + 600, relieveMs + 600 + unclaimedWaitMs).owned).toEqual([]);
    ownership.setPeers([peer(FIRST, { owns: ['yard'] }), peer(THIRD, { state: 'overloaded' })]);
    expect(planAt(ownership, relieveMs + 4_000, relieveMs + 60_000).owned).toEqual([]);
  });

  it('wait in their order when an owner that was overloaded for long leaves', () => {
    const ownership = owner(SECOND);
    const others = (state: 'overloaded' | 'leaving') => [peer(FIRST), peer(THIRD, { owns: ['yard'], state })];
    ownership.setPeers(others('overloaded'));
    planAt(ownership, 0, relieveMs + 500);
    ownership.setPeers(others('leaving'));
    expect(ownership.plan(relieveMs + 600).owned).toEqual([]);
    expect(ownership.plan(relieveMs + 600 + rankWaitMs).owned).toEqual(['yard']);
  });

  it('do not take back what they gave away because they had too much', () => {
    const ownership = owner(FIRST);
    ownership.announced('yard');
    planAt(ownership, 0, CALM_MS);
    ownership.setSelf({ ...IDLE, state: 'overloaded' });
    ownership.setPeers([peer(SECOND, { owns: ['yard'] })]);
    expect(ownership.plan(CALM_MS + 1).owned).toEqual([]);
    ownership.setSelf(IDLE);
    ownership.setPeers([peer(SECOND, { owns: ['yard'], state: 'overloaded' })]);
    expect(planAt(ownership, CALM_MS + 2, CALM_MS + 120_000).owned).toEqual([]);
    ownership.setPeers([]);
    expect(planAt(ownership, CALM_MS + 120_000, 2 * CALM_MS + 120_000).owned).toEqual(['yard']);
  });

  it('leave an overloaded owner alone when all others are overloaded, too', () => {
    const ownership = owner(FIRST);
    ownership.setSelf({ ...IDLE, state: 'overloaded' });
    ownership.setPeers([peer(THIRD, { owns: ['yard'], state: 'overloaded' })]);
    expect(planAt(ownership, 0, 3 * relieveMs).owned).toEqual([]);
  });

  it('have nobody on duty who could not have heard yet that somebody is', () => {
    const ownership = owner(FIRST);
    expect(ownership.plan(settleMs - 1).isOnDuty).toBe(false);
    expect(ownership.plan(settleMs).isOnDuty).toBe(true);
  });

  it('have one on duty, the next one when it leaves', () => {
    const onDuty = (leaving: readonly string[]) =>
      NODES.filter((node) => {
        const ownership = owner(node);
        ownership.setSelf({ ...IDLE, state: leaving.includes(node) ? 'leaving' : 'active' });
        const state = (other: string) => (leaving.includes(other) ? 'leaving' : 'active');
        ownership.setPeers(
          NODES.filter((other) => other !== node).map((other) => peer(other, { state: state(other) })),
        );
        return ownership.plan(CALM_MS).isOnDuty;
      });
    const [first = ''] = onDuty([]);
    expect(onDuty([])).toHaveLength(1);
    expect(onDuty([first])).toHaveLength(1);
    expect(onDuty([first])).not.toEqual([first]);
  });
});

describe('a plan', () => {
  const PEERS = [peer('cam2', { owns: ['yard'] }), peer('cam3')];
  const LOOKED_MS = CALM_MS + LOOK_EVERY_MS;

  /** One that was just made, of a node where nothing happens. */
  function calm() {
    const ownership = owner('cam1');
    ownership.setPeers(PEERS);
    planAt(ownership, 0, CALM_MS);
    return { ownership, plan: ownership.plan(LOOKED_MS) };
  }

  it('stays the same while nothing changes that matters, for ten seconds', () => {
    const { ownership, plan } = calm();
    ownership.setPeers([...PEERS]);
    ownership.setSelf({ ...IDLE, spareFps: IDLE.spareFps + 0.5 });
    expect(ownership.plan(LOOKED_MS + LOOK_EVERY_MS - 1)).toBe(plan);
    expect(ownership.plan(LOOKED_MS + LOOK_EVERY_MS)).not.toBe(plan);
  });

  it('stays the same when others come and go that have nothing, or can do more or less', () => {
    const { ownership, plan } = calm();
    const [owner2, ...others] = PEERS;
    for (const peers of [
      [...PEERS, peer('cam4')],
      [peer('cam2', { owns: ['yard'], spareFps: 200 }), ...others],
      [owner2],
    ]) {
      ownership.setPeers(peers.filter((each) => each !== undefined));
      expect(ownership.plan(LOOKED_MS + 1)).toMatchObject({ owned: plan.owned, left: [] });
    }
    expect(ownership.plan(LOOKED_MS + 2).owned).toEqual([]);
  });

  it('says at once what it is the next for, when that goes from one to another', () => {
    const nodes = ['cam2', 'cam3', 'cam4', 'cam5'];
    const ownership = owner('cam1');
    const having = (node: string, source: string) =>
      nodes.map((each) => peer(each, { owns: each === node ? [source] : [] }));
    for (let i = 0; i < 40; i++) {
      const source = `source${i}`;
      ownership.setPeers(having('cam2', source));
      planAt(ownership, i * 20_000, i * 20_000 + CALM_MS);
      for (const node of nodes) {
        ownership.setPeers(having(node, source));
        const names = ['cam1', ...nodes].filter((each) => each !== node);
        const [first] = new Rendezvous().order(
          source,
          names.map((each) => ({ node: each, weight: weightOf(IDLE.spareFps) })),
        );
        const isNext = ownership.plan(i * 20_000 + CALM_MS + 1).claims.some((claim) => claim.source === source);
        expect(isNext).toBe(first === 'cam1');
      }
    }
  });

  it.each<[string, (ownership: SourceOwnership) => void]>([
    ['somebody comes who heard more', (ownership) => ownership.setPeers([...PEERS, peer('cam4', { heard: ['gate'] })])],
    ['somebody goes', (ownership) => ownership.setPeers(PEERS.slice(1))],
    ['somebody says something new', (ownership) => ownership.setPeers([peer('cam2'), ...PEERS.slice(1)])],
    ['this node could do much more', (ownership) => ownership.setSelf({ ...IDLE, spareFps: 100 })],
    ['this node has too much to do', (ownership) => ownership.setSelf({ ...IDLE, state: 'overloaded' })],
    ['this node is doubted', (ownership) => ownership.setSelf({ ...IDLE, isDoubted: true })],
    ['a source is heard', (ownership) => ownership.heardFrame('gate', LOOKED_MS)],
    ['a source is announced', (ownership) => ownership.announced('gate')],
    ['the link comes back', (ownership) => ownership.linkUp(LOOKED_MS)],
  ])('is made anew when %s', (_, change) => {
    const { ownership, plan } = calm();
    change(ownership);
    expect(ownership.plan(LOOKED_MS + 1)).not.toBe(plan);
  });
});

describe('more sources than anybody could watch', () => {
  const names = (kind: string, count: number) => Array.from({ length: count }, (_, i) => `${kind}${i}`);

  it('are claimed as far as there is room, first what it has', () => {
    const ownership = owner('cam1', 256);
    for (const source of names('mine', 200)) ownership.announced(source);
    planAt(ownership, 0, CALM_MS);
    ownership.setPeers([peer('cam2', { owns: names('theirs', 256) })]);
    const { claims, owned } = planAt(ownership, CALM_MS, CALM_MS + 1_000);
    expect(owned).toHaveLength(200);
    expect(claims).toHaveLength(SOURCES_MAX);
    expect(claims.filter(({ as }) => as === 'owner')).toHaveLength(200);
  });

  it('are thought about as far as there is room, however many others tell of', () => {
    const ownership = owner('cam1', 4);
    ownership.announced('yard');
    ownership.setPeers(names('liar', 20).map((node) => peer(node, { heard: names(`${node}-`, 256) })));
    ownership.plan(settleMs);
    const { left } = ownership.plan(CALM_MS);
    expect(left.length).toBeLessThanOrEqual(HEEDED_MAX);
    expect(ownership.counters()['sources-unheeded']).toBe(20 * 256 + 1 - HEEDED_MAX);
  });

  it('are taken over when their owner is lost, however many others there are', () => {
    const ownership = owner('cam1', 256);
    const peers = names('node', 20).map((node) => peer(node, { owns: names(`${node}-`, 256) }));
    ownership.setPeers(peers);
    planAt(ownership, 0, CALM_MS);
    ownership.setPeers(peers.slice(0, -1));
    expect(planAt(ownership, CALM_MS + 1, CALM_MS + 1 + ranksMax * rankWaitMs).owned).toEqual(
      names('node19-', 256).sort(),
    );
  });

  it('are told on as far as there is room, first those that nobody has', () => {
    const ownership = owner('cam1', 0, 1_024);
    ownership.setPeers(names('node', 2).map((node) => peer(node, { owns: names(`${node}-`, 256) })));
    for (const source of [...names('node0-', 256), ...names('node1-', 256), 'yard', 'zoo']) {
      ownership.heardFrame(source, 0);
    }
    ownership.plan(CALM_MS);
    const heard = ownership.heard(CALM_MS);
    expect(heard).toHaveLength(SOURCES_MAX);
    expect(heard.slice(-2)).toEqual(['yard', 'zoo']);
  });
});

describe('sources that others tell of', () => {
  const ghosts = (count: number) => Array.from({ length: count }, (_, i) => `ghost${`${i}`.padStart(3, '0')}`);
  const liar = () => peer('liar', { state: 'leaving', heard: ghosts(256) });

  it('have half of the room on the word of one peer, as long as nothing of them was heard', () => {
    const ownership = owner('cam1', 8);
    ownership.setPeers([liar()]);
    expect(planAt(ownership, 0, CALM_MS).owned).toEqual(ghosts(4));
    for (const source of ghosts(4)) ownership.heardFrame(source, CALM_MS);
    expect(planAt(ownership, CALM_MS, CALM_MS + 500).owned).toEqual(ghosts(8));
  });

  it('leave the other half to who is heard here, or told of by somebody else', () => {
    const ownership = owner('cam1', 8);
    ownership.setPeers([liar(), peer('honest', { state: 'leaving', heard: ['yard', 'zoo'] })]);
    ownership.announced('gate');
    expect(planAt(ownership, 0, CALM_MS).owned).toEqual([...['gate'], ...ghosts(4), 'yard', 'zoo']);
  });

  it('give their place to what waits for one when they send nothing, and have it for good when they do', () => {
    const ownership = owner('cam1', 2);
    const told = (heard: readonly string[]) => ownership.setPeers([peer('cam2', { state: 'leaving', heard })]);
    told(['ghost000']);
    planAt(ownership, 0, CALM_MS);
    told(['ghost000', 'yard']);
    expect(planAt(ownership, CALM_MS, CALM_MS + 10_000).owned).toEqual(['ghost000']);
    const { owned, left } = planAt(ownership, CALM_MS + 10_500, CALM_MS + proveMs);
    expect({ owned, left }).toEqual({ owned: ['yard'], left: [] });
    expect(ownership.counters()['sources-unproven']).toBe(1);
    ownership.heardFrame('yard', CALM_MS + proveMs);
    expect(planAt(ownership, CALM_MS + proveMs, CALM_MS + 2 * proveMs).owned).toEqual(['yard']);
  });

  it('are not taken again for ten minutes, unless a frame is heard', () => {
    const ownership = owner('cam1', 1);
    ownership.setPeers([peer('cam2', { state: 'leaving', heard: ['ghost', 'yard'] })]);
    planAt(ownership, 0, CALM_MS + proveMs);
    expect(ownership.plan(CALM_MS + proveMs).owned).toEqual(['yard']);
    expect(planAt(ownership, CALM_MS + proveMs, CALM_MS + 3 * proveMs).owned).toEqual(['yard']);
    ownership.heardFrame('ghost', CALM_MS + 3 * proveMs);
    expect(planAt(ownership, CALM_MS + 3 * proveMs, 2 * CALM_MS + 3 * proveMs).owned).toEqual(['ghost']);
  });

  it('are let go after ten minutes without a frame although somebody goes on telling of them', () => {
    const ownership = owner('cam1');
    ownership.setPeers([peer('cam2', { state: 'leaving', heard: ['ghost'] })]);
    planAt(ownership, 0, CALM_MS);
    expect(ownership.plan(forgetMs).owned).toEqual(['ghost']);
    expect(ownership.plan(forgetMs + CALM_MS + LOOK_EVERY_MS).owned).toEqual([]);
    expect(planAt(ownership, forgetMs + 2 * CALM_MS, forgetMs + 4 * CALM_MS).owned).toEqual([]);
  });

  it('come after those that are heard here when an owner is lost that had much that does not exist', () => {
    const ownership = owner('cam1', 4);
    ownership.announced('yard');
    ownership.setPeers([peer('cam2', { owns: [...ghosts(16), 'yard', 'zoo'] })]);
    planAt(ownership, 0, CALM_MS);
    ownership.setPeers([]);
    expect(ownership.plan(CALM_MS + 500).owned).toEqual([...ghosts(3), 'yard']);
    ownership.heardFrame('zoo', CALM_MS + 10_000);
    expect(planAt(ownership, CALM_MS + 10_000, CALM_MS + 500 + proveMs).owned).toEqual([
      ...ghosts(5).slice(3),
      'yard',
      'zoo',
    ]);
  });

  it('are taken again at once when somebody had them meanwhile and is lost', () => {
    const ownership = owner('cam1', 1);
    ownership.setPeers([peer('cam2', { state: 'leaving', heard: ['yard', 'zoo'] })]);
    planAt(ownership, 0, CALM_MS + proveMs);
    ownership.setPeers([peer('cam2', { owns: ['yard'] })]);
    planAt(ownership, CALM_MS + proveMs + 500, CALM_MS + 3 * proveMs);
    ownership.setPeers([]);
    expect(ownership.plan(CALM_MS + 3 * proveMs + 500).owned).toContain('yard');
  });

  it('have their time again when the link was down', () => {
    const ownership = owner('cam1');
    ownership.setPeers([peer('cam2', { state: 'leaving', heard: ['yard'] })]);
    planAt(ownership, 0, CALM_MS);
    ownership.linkDown();
    ownership.linkUp(2 * forgetMs);
    expect(planAt(ownership, 2 * forgetMs, 2 * forgetMs + CALM_MS).owned).toEqual(['yard']);
  });
});
