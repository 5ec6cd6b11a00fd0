// A network before training: the baseline that shows what its architecture alone achieves.

import type { EncoderInput } from "../../core/model-card.ts";
import { normalisePixels } from "../../core/pixel-tensor.ts";
import type { TrainingConfig } from "../config/schema.ts";
import { randomStream } from "../data/streams.ts";
import { compile, input } from "../graph/index.ts";
import { embeddingEncoder } from "../network/encoder.ts";
import { initialValues } from "../network/initialise.ts";
import { evaluationScope } from "../network/scope.ts";
import type { Embed } from "./embed-dataset.ts";

const BATCH = 64;

/**
 * The encoder that a run of this configuration begins with.
 *
 * @param card The input that images are given to `embed` in.
 */
export async function untrainedEncoder(
  config: TrainingConfig,
  card: EncoderInput,
): Promise<{ embed: Embed; close(): Promise<void> }> {
  const random = randomStream(config.seed, "initialValues");
  const drawn: Record<string, Float32Array> = {};
  const scope = evaluationScope((spec) => {
    drawn[spec.name] = initialValues(spec, random);
    return input(spec.name, spec.shape);
  });
  const area = 3 * card.width * card.height;
  const x = input("pixels", [BATCH, 3, card.height, card.width]);
  const graph = await compile({ embedding: embeddingEncoder(x, scope, config) });
  return {
    async embed(pixels, count) {
      const whole = new Uint8Array(BATCH * area); // a smaller batch is filled up
      whole.set(pixels);
      const { embedding } = await graph.run({ pixels: normalisePixels(whole, BATCH, card), ...drawn });
      const D = embedding!.length / BATCH;
      return (embedding as Float32Array).slice(0, count * D);
    },
    close: () => graph.release(),
  };
}
