const record = { t: 1_789_000_000_123, k: 'track', c: 'front', ev: 'new', id: 17, l: 'person', p: 870 };
const LIVE_HEAD = '{"v":1,"e":"abcdefghijkl","r":[{"s":';

/** A batch with one record as a node publishes it, filled up to a size; its sequence number can be read back with `seqOfLive`. */
export function livePayload(seq: number, bytes = 200): Buffer {
  const rest = JSON.stringify({ ...record, b: [120, 221, 310, 780], z: ['gate'] }).slice(1);
  return Buffer.from(`${LIVE_HEAD}${seq},${rest}]}`.padEnd(bytes));
}

/** The sequence number in what `livePayload` made, from where the payload begins. */
export function seqOfLive(body: Buffer, payloadAt: number): number {
  let seq = 0;
  for (let at = payloadAt + LIVE_HEAD.length; ; at++) {
    const digit = (body[at] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) return seq;
    seq = seq * 10 + digit;
  }
}

/** A retained reading as a node publishes it. */
export function readingPayload(value: number): Buffer {
  return Buffer.from(JSON.stringify({ v: 1, value, unit: 'C', atMs: record.t, ok: true }).padEnd(200));
}

/** A heartbeat of a node with one camera. */
export function beatPayload(seq: number): Buffer {
  const cameras = { front: { frameAgeMs: 40, inferAgeMs: 30, fps: 10 } };
  const inv = '5008f8b533304cc281959f428c296bed';
  return Buffer.from(JSON.stringify({ v: 1, gen: 1, inv, seq, upS: seq, loopLagMs: 1, cameras }));
}
