// A session of onnxruntime on a device; failures say what to do.

import type { Device } from "./device.ts";
import { AppError } from "./errors.ts";
import type { ModelCard } from "./model-card.ts";
import { InferenceSession, listSupportedBackends } from "./onnxruntime.ts";

/** What to do if a device cannot be used. */
const HOW_TO: Partial<Record<Device, string>> = {
  cuda: ". Install the NVIDIA driver, CUDA 12 and cuDNN 9, and then onnxruntime's CUDA libraries: npm rebuild onnxruntime-node --onnxruntime-node-install=cuda12",
  webgpu:
    ". Install a Vulkan driver and its loader (libvulkan1), and for NVIDIA's libgl1, libx11-6 and libxext6, which it needs without a display too.",
};

/**
 * Opens the ONNX file of a model.
 *
 * @param output What it must answer for its input `pixels`.
 * @throws AppError `invalid_model` where it is no ONNX file of that input and output, `device_unavailable` where the
 *   device cannot be used.
 */
export async function createSession(
  onnx: Uint8Array,
  card: ModelCard,
  device: Device,
  threads: number,
  output = "embedding",
): Promise<InferenceSession> {
  // Where this build lacks the provider, onnxruntime-node would silently use the CPU.
  const built = listSupportedBackends().map(({ name }) => name);
  if (!built.includes(device)) {
    throw new AppError(
      "device_unavailable",
      `The device "${device}" does not exist on this system. There are ${built.join(", ")}.`,
    );
  }
  let session: InferenceSession;
  try {
    session = await InferenceSession.create(onnx, {
      executionProviders: device === "cpu" ? ["cpu"] : [device, "cpu"],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      logSeverityLevel: 3,
      // Waiting threads do not spin: while a swap embeds the images again, two encoders share the cores.
      extra: { session: { intra_op: { allow_spinning: "0" } } },
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    if (device !== "cpu" && /provider|backend|adapter|device/i.test(reason)) {
      throw new AppError(
        "device_unavailable",
        `The device "${device}" cannot be used here: ${reason}${HOW_TO[device] ?? ""}`,
        {
          cause: error,
        },
      );
    }
    const problem = /protobuf parsing failed/i.test(reason) ? "is not an ONNX file" : "cannot be loaded";
    throw new AppError("invalid_model", `Model "${card.name}" ${problem}: ${reason}`, { cause: error });
  }
  if (session.inputNames.join() !== "pixels" || !session.outputNames.includes(output)) {
    throw new AppError(
      "invalid_model",
      `Expected model "${card.name}" to have the input "pixels" and the output "${output}" but it has ${session.inputNames.join(", ")} and ${session.outputNames.join(", ")}.`,
    );
  }
  return session;
}
