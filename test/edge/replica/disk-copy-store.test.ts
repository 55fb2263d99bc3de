import { SimulatedClock } from '../../../base/clock.js';
import { silentLog } from '../../../base/log.js';
import { Random } from '../../../base/random.js';
import { DEFAULT_COPY_STORE_LIMITS } from '../../../edge/replica/store/copy-store-limits.js';
import { DiskCopyStore } from '../../../edge/replica/store/disk-copy-store.js';
import { asRecordDisk } from '../../sim/kernel/record-disk-adapter.js';
import { SimulatedDisk } from '../../sim/kernel/simulated-disk.js';
import { describeCopyStore } from './copy-store-contract.js';

describeCopyStore('DiskCopyStore on a simulated card', async () => {
  const card = new SimulatedDisk();
  const random = new Random('copies');
  const clock = new SimulatedClock();
  const flip = (path: string, at: number) => {
    const bytes = card.read(path);
    bytes[at] = (bytes[at] ?? 0) ^ 4;
    card.replace(path, bytes);
  };
  return {
    makeStore: () =>
      new DiskCopyStore({
        dir: '/copies',
        disk: asRecordDisk(card),
        clock,
        log: silentLog,
        limits: DEFAULT_COPY_STORE_LIMITS,
      }),
    cutPower: async () => void card.powerCut(random),
    rotSegment: async (node, epoch, n) =>
      flip(`/copies/copies/${node}/${epoch}/${String(n).padStart(8, '0')}.jsonl.gz`, 40),
    rotLine: async (index) => {
      const text = Buffer.from(card.read('/copies/inbox.jsonl')).toString('latin1');
      flip('/copies/inbox.jsonl', text.split('\n').slice(0, index).join('\n').length + 40);
    },
    setTrouble: (code) => {
      card.capacityBytes = code === 'ENOSPC' ? card.usedBytes : Number.POSITIVE_INFINITY;
      card.failsWith = code === 'EIO' ? code : undefined;
    },
    dispose: async () => {},
  };
});
