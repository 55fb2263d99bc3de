import type { RecordDisk } from '../../../edge/records/record-disk.js';
import { DiskError, type SimulatedDisk } from './simulated-disk.js';

/** A simulated disk as the record log takes one. Every call takes effect at once and settles in the same turn. */
export function asRecordDisk(disk: SimulatedDisk): RecordDisk {
  return {
    async openSegment(path) {
      disk.create(path);
      return {
        async writeAt(bytes, position) {
          disk.write(path, bytes, position);
        },
        async sync() {
          disk.sync(path);
        },
        async close() {},
      };
    },
    async replace(path, bytes) {
      disk.replace(path, typeof bytes === 'string' ? Buffer.from(bytes) : bytes);
    },
    async read(path) {
      return Buffer.from(disk.read(path));
    },
    async makeFolder(path) {
      disk.makeFolder(path);
    },
    async list(path) {
      if (!disk.hasFolder(path)) throw new DiskError('ENOENT', path);
      return disk.list(path);
    },
    async move(from, to) {
      disk.move(from, to);
    },
    async remove(path) {
      disk.remove(path);
    },
  };
}
