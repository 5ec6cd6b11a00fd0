// The process that one generation's encoder lives in: it computes and nothing else, so that a run never blocks the
// server and a swap returns all memory.
import type { Device } from "../../core/device.ts";
import { decodeForEncoder, type EncoderSession, openEncoder } from "../../core/encoder-session.ts";
import { AppError } from "../../core/errors.ts";
import type { LoadedModel } from "../../core/model-folder.ts";
import { type EncoderOptions, type FromEncoder, type ToEncoder, toPlainError } from "./messages.ts";

let session: Promise<EncoderSession> | undefined;

// Sending to a server that is gone fails; `disconnect` then ends this process.
const send = (message: FromEncoder) => process.send!(message, undefined, {}, () => {});

// Ctrl-C and service managers signal the whole process group, but the server still has requests to finish.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => {});
process.on("disconnect", () => process.exit(0));

process.on("message", async (message: ToEncoder) => {
  if ("open" in message) {
    const opened = openOn(message.open, message.options);
    session = opened.then(({ session }) => session);
    session.catch(() => {}); // reported below
    opened.then(
      ({ device, fellBack }) => send({ ready: true, device, ...(fellBack && { fellBack }) }),
      (error) => send({ refused: toPlainError(error) }),
    );
    return;
  }
  try {
    const opened = await session!;
    const embeddings =
      "files" in message ? await embedFiles(opened, message.files) : await opened.embed(message.pixels, message.count);
    send({ id: message.id, embeddings });
  } catch (error) {
    send({ id: message.id, error: toPlainError(error) });
  }
});

/** Files of a batch that are decoded at a time. */
const DECODERS = 4;

/** Embeds image files: [files, D]. */
async function embedFiles({ card, embed }: EncoderSession, files: readonly Uint8Array[]): Promise<Float32Array> {
  const { input } = card;
  const imageBytes = input.width * input.height * 3;
  const pixels = new Uint8Array(files.length * imageBytes);
  const next = files.entries();
  const decode = async () => {
    for (const [i, file] of next) pixels.set(await decodeForEncoder(file, input), i * imageBytes);
  };
  await Promise.all(Array.from({ length: DECODERS }, decode));
  return embed(pixels, files.length);
}

const ACCELERATORS: Partial<Record<NodeJS.Platform, Device>> = { linux: "cuda", darwin: "coreml", win32: "dml" };

/** Opens the model on its device; `fellBack` says why `auto` did not use the accelerator. */
async function openOn(
  model: LoadedModel,
  { device, threads }: EncoderOptions,
): Promise<{ session: EncoderSession; device: Device; fellBack?: string }> {
  if (device !== "auto") return { session: await openEncoder(model, { device, threads }), device };
  const accelerator = ACCELERATORS[process.platform] ?? "cpu";
  try {
    return { session: await openEncoder(model, { device: accelerator, threads }), device: accelerator };
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "device_unavailable") throw error;
    return { session: await openEncoder(model, { threads }), device: "cpu", fellBack: error.message };
  }
}
