// The process that one generation's encoder lives in: it computes and nothing else, so that a run never blocks the
// server and a swap returns all memory.
import { type EncoderSession, openEncoder } from "../../core/encoder-session.ts";
import { type FromEncoder, type ToEncoder, toPlainError } from "./encoder-messages.ts";

let session: Promise<EncoderSession> | undefined;

// A send to a server that is gone fails; `disconnect` ends this process then.
const send = (message: FromEncoder) => process.send!(message, undefined, {}, () => {});

// Ctrl-C and service managers signal the whole process group, but the server still has requests to finish.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => {});
process.on("disconnect", () => process.exit(0));

process.on("message", async (message: ToEncoder) => {
  if ("open" in message) {
    session = openEncoder(message.open, message.options);
    session.then(
      () => send({ ready: true }),
      (error) => send({ refused: toPlainError(error) }),
    );
    return;
  }
  try {
    send({ id: message.id, embeddings: await (await session!).embed(message.pixels, message.count) });
  } catch (error) {
    send({ id: message.id, error: toPlainError(error) });
  }
});
