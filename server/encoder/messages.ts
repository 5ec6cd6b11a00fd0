// What the server and an encoder process say to each other.
import type { Device } from "../../core/device.ts";
import { AppError, ERRORS, type ErrorCode } from "../../core/errors.ts";
import type { LoadedModel } from "../../core/model-folder.ts";

/** How an encoder computes. */
export interface EncoderOptions {
  /** `auto`: the platform's accelerator where it can be used, the CPU otherwise. */
  readonly device: Device | "auto";
  /** Threads of one run. */
  readonly threads: number;
  /** Runs at a lower priority of the operating system. @default false */
  readonly background?: boolean;
}

/** To the encoder: first `open`, then batches of prepared pixels ([count, H, W, 3]) or of the bytes of image files. */
export type ToEncoder =
  | { readonly open: LoadedModel; readonly options: EncoderOptions }
  | { readonly id: number; readonly pixels: Uint8Array; readonly count: number }
  | { readonly id: number; readonly files: readonly Uint8Array[] };

/** From the encoder: `ready` or `refused` once, then an answer to each batch: [count, D]. */
export type FromEncoder =
  | { readonly ready: true; readonly device: Device; readonly fellBack?: string }
  | { readonly refused: PlainError }
  | { readonly id: number; readonly embeddings: Float32Array }
  | { readonly id: number; readonly error: PlainError };

/** An error that can be sent. */
export interface PlainError {
  readonly code?: ErrorCode;
  readonly message: string;
}

export function toPlainError(error: unknown): PlainError {
  if (error instanceof AppError) return { code: error.code, message: error.message };
  return { message: error instanceof Error ? error.message : String(error) };
}

export function fromPlainError({ code, message }: PlainError): Error {
  return code && code in ERRORS ? new AppError(code, message) : new Error(message);
}
