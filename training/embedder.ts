// Embeds image files in this process, without a server.

import { decodeImage } from "../core/decode.ts";
import type { Device } from "../core/device.ts";
import { openEncoder } from "../core/encoder-session.ts";
import type { ModelCard } from "../core/model-card.ts";
import { MODELS_FOLDER, readModel } from "../core/model-folder.ts";

/** An open model. */
export interface Embedder {
  readonly card: ModelCard;
  /**
   * Embeds image files, in their order. The thread is blocked while the encoder computes.
   *
   * @param files Their bytes: JPEG, PNG, WebP, AVIF, TIFF or GIF.
   * @returns One vector for each file, `card.dimensions` long and of unit norm: their inner product is the cosine
   *   similarity.
   * @throws AppError such as `corrupt_image` or `unsupported_image_type`.
   */
  embed(files: readonly Uint8Array[]): Promise<Float32Array[]>;
  close(): Promise<void>;
}

/** How a model is opened. */
export interface EmbedderOptions {
  /** Folder that models are taken from; those of the package are there too. @default "./models" */
  readonly modelsFolder?: string;
  /** @default "cpu" */
  readonly device?: Device;
  /** Threads of one run. Default: the machine's cores. */
  readonly threads?: number;
}

/**
 * Opens a model by its name.
 *
 * @throws AppError `model_not_found`, `invalid_model` or `device_unavailable`.
 */
export async function openEmbedder(
  name: string,
  { modelsFolder = MODELS_FOLDER, ...options }: EmbedderOptions = {},
): Promise<Embedder> {
  const { card, embed, close } = await openEncoder(await readModel(modelsFolder, name), options);
  return {
    card,
    async embed(files) {
      const pixels = await Promise.all(files.map((file) => decodeImage(file, card.input)));
      if (pixels.length === 0) return [];
      const rows = await embed(Buffer.concat(pixels), files.length);
      return files.map((_, i) => rows.slice(i * card.dimensions, (i + 1) * card.dimensions));
    },
    close,
  };
}
