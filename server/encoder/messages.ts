// What the server and an encoder process say to each other.
import type { Device } from "../../core/device.ts";
import type { ModelCard } from "../../core/model-card.ts";
import type { Shape } from "../domain/shape.ts";
import type { PlainError } from "../processes/plain-error.ts";
import type { FoundShape, Picture } from "../shapes/see.ts";

/** How an encoder computes. */
export interface EncoderOptions {
  /** `auto`: the platform's accelerator where it can be used, the CPU otherwise. */
  readonly device: Device | "auto";
  /** Threads of one run. */
  readonly threads: number;
  /** Runs at a lower priority of the operating system. @default false */
  readonly background?: boolean;
}

/**
 * To the encoder: first `open`, while so many `bytes` of encoder.onnx come through its standard input, then batches of
 * prepared pixels ([count, H, W, 3]) or of the bytes of image files, and pictures in which a shape is wanted.
 */
export type ToEncoder =
  | { readonly open: ModelCard; readonly bytes: number; readonly options: EncoderOptions }
  | { readonly id: number; readonly pixels: Uint8Array; readonly count: number }
  | { readonly id: number; readonly files: readonly Uint8Array[] }
  | { readonly id: number; readonly picture: Picture; readonly shape: Shape };

/** A file of a batch that cannot be decoded: its place, from 0, and why. Its embedding means nothing. */
export interface Undecodable {
  readonly file: number;
  readonly error: PlainError;
}

/**
 * From the encoder: `ready` or `refused` once, then an answer to each batch, [count, D], or picture. `alive` after each
 * file, of which a batch may have many large ones, and after each run of a picture.
 */
export type FromEncoder =
  | { readonly ready: true; readonly device: Device; readonly fellBack?: string }
  | { readonly refused: PlainError }
  | { readonly alive: true }
  | { readonly id: number; readonly embeddings: Float32Array; readonly undecodable?: readonly Undecodable[] }
  | { readonly id: number; readonly found: FoundShape }
  | { readonly id: number; readonly error: PlainError };
