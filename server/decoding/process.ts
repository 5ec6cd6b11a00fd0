// The process that expensive images are decoded in: it can be killed, which is the only way to stop a decoder.
import { endWithParent } from "../processes/end-with-parent.ts";
import { toPlainError } from "../processes/plain-error.ts";
import { type FromDecoder, make, type ToDecoder } from "./messages.ts";

endWithParent();

// A send to a server that is gone fails; this process ends then.
const send = (message: FromDecoder) => process.send!(message, undefined, {}, () => {});

process.on("message", ({ id, bytes, target, maxPixels }: ToDecoder) => {
  make(bytes, target, maxPixels).then(
    (made) => send({ id, made }),
    (error) => send({ id, error: toPlainError(error) }),
  );
});
send({ ready: true });
