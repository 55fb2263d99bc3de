import type { RgbPicture } from '../../capture/frame.js';
import type { BoxXyxyPx } from '../box.js';
import type { Detection } from '../detection.js';
import type { Detector } from '../detector.js';
import type { ModelManifest } from '../model/manifest.js';
import type { CandidateDrops } from './candidates.js';
import { type InputPicture, inferenceFailed, type ModelRun } from './model-run.js';
import { PictureTensor } from './picture-tensor.js';

/** A detector that runs an ONNX model in this thread; `loadDetector` makes one. */
export class OnnxDetector implements Detector {
  readonly labels: readonly string[];
  readonly inputWidthPx: number;
  readonly inputHeightPx: number;
  readonly manifest: ModelManifest;
  readonly #run: ModelRun;
  readonly #scoreMin: number;
  readonly #picture: PictureTensor;

  /** @param scoreMin 0..1, used where a call names no other; default: the manifest's. */
  constructor(run: ModelRun, scoreMin = run.manifest.thresholds.score) {
    const { manifest } = run;
    this.#run = run;
    this.#scoreMin = scoreMin;
    this.#picture = new PictureTensor(manifest.input);
    this.manifest = manifest;
    this.labels = manifest.labels;
    this.inputWidthPx = manifest.input.widthPx;
    this.inputHeightPx = manifest.input.heightPx;
  }

  /** What the model gave and was not taken, since it was opened. The object counts on. */
  get drops(): CandidateDrops {
    return this.#run.drops;
  }

  async detect(
    picture: RgbPicture,
    options: { readonly region?: BoxXyxyPx; readonly scoreMin?: number } = {},
  ): Promise<readonly Detection[]> {
    return this.#run.run(this.#input(picture, options.region), options.scoreMin ?? this.#scoreMin);
  }

  async close(): Promise<void> {
    await this.#run.close();
  }

  #input(picture: RgbPicture, region: BoxXyxyPx = [0, 0, picture.widthPx, picture.heightPx]): InputPicture {
    try {
      const geometry = this.#picture.fill(picture, region);
      return { data: this.#picture.data, geometry };
    } catch (cause) {
      throw inferenceFailed(this.manifest, cause);
    }
  }
}
