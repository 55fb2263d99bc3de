// Loaded before a node by `--import`: its vision process runs a model whose bytes went wrong after they were checked. What
// the manifest says and what the node claims stay true; only the weights in memory are not. The other processes of the node
// are left as they are.

const NEAR_BYTES = 60;
const LETTERS = /[A-Za-z0-9_./]{6}/;
const MOVE_BYTES = 4096;

// The names of a graph lie between its weights: where letters are in a row, no weights are near.
function isAmongWeights(bytes, at) {
  const near = bytes.subarray(Math.max(0, at - NEAR_BYTES), at + NEAR_BYTES);
  return !LETTERS.test(Buffer.from(near).toString('latin1'));
}

/** One bit in four thousand bytes, always the same ones: the exponent or the sign of some weights. */
export function flipped(bytes) {
  const wrong = Uint8Array.from(bytes);
  for (let at = 1000; at < bytes.length; at += 4099) if (isAmongWeights(bytes, at)) wrong[at] ^= 0x40;
  return wrong;
}

/** The weights of another model: ours, each in the place of another one. */
export function otherWeights(bytes) {
  const wrong = Uint8Array.from(bytes);
  for (let at = 0; at + MOVE_BYTES < bytes.length; at++) {
    if (isAmongWeights(bytes, at) && isAmongWeights(bytes, at + MOVE_BYTES)) wrong[at] = bytes[at + MOVE_BYTES];
  }
  return wrong;
}

const spoil = { flipped, otherWeights }[process.env.VEDETTE_TEST_WEIGHTS ?? ''];
if (spoil !== undefined && process.argv[1]?.includes('vision-child') === true) {
  const { InferenceSession } = await import('onnxruntime-node');
  const create = InferenceSession.create.bind(InferenceSession);
  InferenceSession.create = (bytes, options) => create(spoil(bytes), options);
}
