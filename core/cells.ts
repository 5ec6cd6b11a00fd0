// Dense features: an encoder's second output. Embeddings are of whole images; with cells, parts of them are too.

import { AppError } from "./errors.ts";
import type { ModelCard } from "./model-card.ts";
import type { InferenceSession } from "./onnxruntime.ts";
import { pixelTensor } from "./pixel-tensor.ts";

/**
 * A grid of vectors over an image, or one over each of several: what each cell adds to the image's embedding. Their mean
 * over an image, scaled to unit norm, is its embedding; the mean over some of them is the embedding of that part.
 */
export interface Cells {
  /** Cells in a row. */
  readonly width: number;
  /** Rows of cells. */
  readonly height: number;
  /** [height, width, D], row by row; of several images, one after the other. */
  readonly vectors: Float32Array;
}

/** Reads the cells of images. */
interface CellReader {
  /**
   * RGB bytes [count, H, W, 3] → cells.
   *
   * @throws AppError `no_cells`, or `invalid_model` where they are of no such shape.
   */
  read(pixels: Uint8Array, count: number): Promise<Cells>;
  close(): Promise<void>;
}

/**
 * Makes a reader of cells. Its session is one of its own, opened when it is first needed, so that embeddings cost no more
 * than without.
 *
 * @param onnx The model with its output `cells`; undefined where it has none.
 */
export function createCellReader(
  card: ModelCard,
  onnx: Uint8Array | undefined,
  open: (onnx: Uint8Array) => Promise<InferenceSession>,
): CellReader {
  let opened: Promise<InferenceSession> | undefined;
  let bytes = onnx;
  const openOnce = async (whole: Uint8Array) => {
    const { onlyOutput } = await import("./onnx-outputs.ts");
    const session = await open(onlyOutput(whole, "cells"));
    bytes = undefined; // the session has its own copy
    return session;
  };
  return {
    async read(pixels, count) {
      if (!opened && !bytes) throw noCells(card);
      opened ??= openOnce(bytes!).catch((error) => {
        opened = undefined; // the next call tries again
        throw error;
      });
      const { cells } = await (await opened).run({ pixels: pixelTensor(pixels, count, card.input) });
      const [n, height, width, D] = cells?.dims ?? [];
      if (!cells || n !== count || D !== card.dimensions || !height || !width || cells.dims.length !== 4) {
        throw new AppError(
          "invalid_model",
          `Expected the cells of model "${card.name}" to be [${count}, rows, columns, ${card.dimensions}] but they are [${cells?.dims.join(", ")}].`,
        );
      }
      return { width, height, vectors: (await cells.getData()) as Float32Array };
    },
    async close() {
      await (await opened?.catch(() => undefined))?.release();
    },
  };
}

const noCells = ({ name }: ModelCard) =>
  new AppError(
    "no_cells",
    `Expected a model with the output "cells", which search by shape needs, but "${name}" has only "embedding". Export the model again (moco-search export) and activate it; imported ONNX files, transformers and projections have no cells.`,
  );
