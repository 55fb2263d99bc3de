import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SystemClock } from '../../../base/clock.js';
import { Link } from '../../../base/link/link.js';
import { silentLog } from '../../../base/log.js';
import { Random } from '../../../base/random.js';
import { CursorFile } from '../../../edge/records/cursor-file.js';
import { Publisher } from '../../../edge/records/publisher.js';
import { localDisk } from '../../../edge/records/record-disk.js';
import { DEFAULT_RECORD_LIMITS, type RecordLimits } from '../../../edge/records/record-limits.js';
import { RecordLog } from '../../../edge/records/record-log.js';
import { decodePayload } from '../../../protocol/codec.js';
import { matchTopic, routes } from '../../../protocol/routes.js';
import { eventually } from '../../eventually.js';
import { PlainBroker } from '../../plain-broker.js';
import { FlakyDisk } from './flaky-disk.js';

const track = (id: number) => ({ k: 'track', c: 'front', ev: 'new', id, l: 'person', p: 870, b: [120, 221, 310, 780] });

/** A log whose reads can be made to wait: a card that is slow while the link has trouble. */
class SlowLog extends RecordLog {
  beforeRead: () => Promise<void> = async () => {};

  override async read(...args: Parameters<RecordLog['read']>): ReturnType<RecordLog['read']> {
    const lines = await super.read(...args);
    await this.beforeRead();
    return lines;
  }
}

describe('Publisher', () => {
  const clock = new SystemClock();
  let dir: string;
  let broker: PlainBroker;
  let link: Link;
  let disk: FlakyDisk;
  let log: SlowLog;
  let publisher: Publisher;
  let live: string[];
  let holdPubacks: boolean;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'vedette-publisher-'));
    broker = await PlainBroker.open();
    disk = new FlakyDisk();
    live = [];
    holdPubacks = false;
    broker.aedes.authorizePublish = (_client, packet, done) => {
      if (matchTopic('vedette', packet.topic)?.name !== 'live') done(null);
      else if (!holdPubacks) {
        const { e, r } = decodePayload(routes.live, Buffer.from(packet.payload));
        for (const { s } of r) live.push(`${e} ${s}`);
        done(null);
      }
    };
  });

  afterEach(async () => {
    await publisher.close();
    await log.close();
    await link.close();
    await broker.close();
    await rm(dir, { recursive: true, force: true });
  });

  async function open(limits: Partial<RecordLimits> = {}, pubackTimeoutMs = 10_000): Promise<void> {
    link = new Link({
      url: broker.url,
      clientId: 'cam1',
      root: 'vedette',
      clock,
      random: new Random('publisher'),
      log: silentLog,
      limits: { pubackTimeoutMs },
    });
    link.open();
    const shared = { clock, log: silentLog, node: 'cam1', limits: { ...DEFAULT_RECORD_LIMITS, ...limits } };
    log = new SlowLog({
      ...shared,
      dir,
      disk,
      opening: () => ({ sw: '0.1.0', model: null, labels: ['person'], cameras: ['front'] }),
      isClockSynchronised: () => true,
      onAppended: () => publisher.wake(),
      onSegmentClosed: () => {},
      onDisk: () => {},
      onExpired: () => {},
    });
    await log.open();
    publisher = new Publisher({
      ...shared,
      link,
      records: log,
      cursor: new CursorFile(join(dir, 'published'), localDisk),
    });
    await publisher.open();
    await eventually(() => link.isUp, 'link up');
  }

  it('leaves nothing out when a batch fails while the next one is being read', async () => {
    await open({ batchRecords: 4, batchesInFlight: 2 }, 150);
    await log.append(track(1));
    const epoch = log.liveEpoch ?? '';
    await eventually(() => publisher.backlog === 0, 'the first is out');
    holdPubacks = true;
    await log.append(track(2));
    await eventually(() => link.stats().inFlight === 1, 'a batch under way');
    log.beforeRead = async () => {
      log.beforeRead = async () => {};
      await eventually(() => publisher.counters().failures === 1, 'it failed');
      holdPubacks = false;
    };
    await Promise.all(Array.from({ length: 8 }, (_, i) => log.append(track(i + 3))));
    await eventually(() => publisher.backlog === 0, 'all are out');
    const expected = Array.from({ length: 11 }, (_, i) => `${epoch} ${i + 1}`);
    expect([...new Set(live)].sort()).toEqual(expected.sort());
    expect(publisher.counters().skipped).toBe(0);
  });

  it('sends the end of an epoch that a set-back clock ended while the disk was slow', async () => {
    await open();
    await log.append(track(1), 2_000_000_000_000);
    const ended = log.liveEpoch ?? '';
    await eventually(() => publisher.backlog === 0, 'the first is out');
    let goOn = () => {};
    const isSlow = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    disk.beforeWrite = () => isSlow;
    const last = log.append(track(2), 2_000_000_000_000);
    void log.append(track(3), 1_000_000_000_000);
    for (let i = 0; i < 5; i++) {
      publisher.wake();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    goOn();
    const { s } = await last;
    await eventually(() => live.includes(`${ended} ${s}`), 'the last record of the ended epoch');
  });

  it('leaves the others their turn while a link that is up refuses at once', async () => {
    await open();
    let refused = 0;
    const publish = link.publishEncoded.bind(link);
    link.publishEncoded = () => {
      refused++;
      // Nothing else would ever run, this test included: it ends by itself then, and has failed.
      if (refused > 1_000) link.publishEncoded = publish;
      return Promise.reject(new Error('too many publishes wait'));
    };
    await log.append(track(1));
    publisher.wake();
    await eventually(() => refused > 0, 'an attempt');
    await clock.sleep(100);
    expect(refused).toBeLessThan(10);
    link.publishEncoded = publish;
    await eventually(() => live.length > 0, 'the record');
  });
});
