/** Of dead output tensors at most so much is left to the collector, bytes. 4 to 16 MiB did equally well. */
const LEFT_BYTES_MAX = 8 * 1024 * 1024;

/**
 * Has the collector take dead output tensors while they are young. A run leaves up to a megabyte behind, outside of the
 * JavaScript heap: the young generation hardly grows by it and is not collected, and V8 marks the whole heap each time
 * 40 MiB of them have gathered. That is 15 % of the processor time of a YOLOX-Nano and 20 MiB of memory (Node 20.20,
 * onnxruntime-node 1.30, which makes new buffers even where it is given some).
 */
export class OutputGarbage {
  readonly #collectYoung: () => void;
  #bytes = 0;

  /** @param collectYoung what collects: in the vision process, started with `--expose-gc`, the engine; elsewhere nothing. */
  constructor(collectYoung: () => void = () => globalThis.gc?.(true)) {
    this.#collectYoung = collectYoung;
  }

  /** So much of outputs is no longer needed. */
  add(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < LEFT_BYTES_MAX) return;
    this.#bytes = 0;
    this.#collectYoung();
  }
}
