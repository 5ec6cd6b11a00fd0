// An ONNX file of any origin → an encoder of ours and what its card says of it.
import { readFile } from "node:fs/promises";
import { AppError } from "../../core/errors.ts";
import type { Fit } from "../../core/fit.ts";
import type { ModelCard } from "../../core/model-card.ts";
import { readEncoderFile } from "./encoder-file.ts";
import { chooseInput, fixedBatch, type Layout, recogniseLayout, recogniseSize, type Size } from "./input.ts";
import { type NormalisationOptions, recogniseFit, recogniseNormalisation } from "./normalisation.ts";
import { chooseOutput, choosePooling, dimensionsOf } from "./output.ts";
import { readGraphStart } from "./own-normalisation.ts";
import { findPreprocessingConfig } from "./preprocessing-config.ts";
import type { Recognised } from "./recognised.ts";
import { tryEncoder } from "./trial.ts";
import { encodeModel, wrapInput, wrapOutput } from "./wrap-encoder.ts";

/** What the user knows better than it can be recognised. */
export interface RecogniseOptions extends NormalisationOptions {
  /** Name of the model, for error messages. */
  readonly name: string;
  readonly size?: Size;
  readonly layout?: Layout;
  readonly pool?: "mean";
  readonly fit?: Fit;
  /** Name of the input, where it has several. */
  readonly input?: string;
  /** Name of the output, where it has several. */
  readonly output?: string;
}

/** An encoder of ours, what its card says, and how that is known. */
export interface RecognisedEncoder {
  readonly onnx: Uint8Array;
  readonly card: Pick<ModelCard, "input" | "batch" | "dimensions">;
  readonly recognised: readonly Recognised[];
}

/**
 * Recognises the encoder of a file and wraps it.
 *
 * @throws AppError `invalid_model` where it is none, something is not clear, or it cannot be run.
 */
export async function recogniseEncoder(path: string, options: RecogniseOptions): Promise<RecognisedEncoder> {
  const bytes = await readFile(path).catch((error) => {
    throw new AppError("invalid_model", `Expected an ONNX file but ${path} cannot be read.`, { cause: error });
  });
  const file = readEncoderFile(bytes, options.name);
  const config = await findPreprocessingConfig(path);
  const input = chooseInput(file, options.input);
  const start = readGraphStart(file.model.graph, input.value);
  const layout = recogniseLayout(input.value, options.layout, start.layout);
  const size = recogniseSize(input.value, layout.value, options.size, config);
  const fit = recogniseFit(options.fit, config);
  const normalisation = recogniseNormalisation(input.value, start.normalisation, config, options);
  const output = chooseOutput(file, options.output);
  const { name: outputName } = output.value;

  const { name, type } = input.value;
  const wrapped = (batch: number | undefined) =>
    wrapInput(file.model, { input: name, type, layout: layout.value, ...size.value, batch });
  const declared = fixedBatch(input.value);
  const trial = await tryEncoder(encodeModel(wrapped(declared)), options.name, {
    ...size.value,
    output: outputName,
    batch: declared,
  });
  const { dims, batch } = trial;
  const pooling = choosePooling(dims, options.pool);
  const decisions = [file, input, layout, size, fit, trial, normalisation, output, pooling];
  return {
    onnx: encodeModel(wrapOutput(wrapped(batch), outputName, pooling.value)),
    card: {
      input: { ...size.value, fit: fit.value, ...normalisation.value },
      ...(batch !== undefined && { batch }),
      dimensions: dimensionsOf(dims, pooling.value),
    },
    recognised: decisions.map(({ recognised }) => recognised),
  };
}
