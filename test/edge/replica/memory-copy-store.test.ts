import { describeCopyStore } from './copy-store-contract.js';
import { MemoryCopyDisk, MemoryCopyStore } from './memory-copy-store.js';

describeCopyStore('MemoryCopyStore', async () => {
  const disk = new MemoryCopyDisk();
  return {
    makeStore: () => new MemoryCopyStore(disk),
    cutPower: async () => disk.cutPower(),
    rotSegment: async (node, epoch, n) => void disk.rotSegment(node, epoch, n),
    rotLine: async (index) => void disk.rotLine(index),
    setTrouble: (code) => {
      disk.trouble = code;
    },
    dispose: async () => {},
  };
});
