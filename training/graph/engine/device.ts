// Which device a training runs on.
import { existsSync } from "node:fs";
import { DEVICES, type Device } from "../../../core/device.ts";
import { AppError } from "../../../core/errors.ts";
import { listSupportedBackends } from "../../../core/onnxruntime.ts";
import { compile, filled, input, matmul } from "../index.ts";

/** Devices by the names that a user may give; `auto` is the fastest that works. */
export const DEVICE_NAMES = ["auto", ...DEVICES] as const;

/** One of {@link DEVICE_NAMES}. */
export type DeviceName = (typeof DEVICE_NAMES)[number];

/** What each device needs, for the message where it cannot be used. */
const NEEDS: Readonly<Record<Device, string>> = {
  cpu: "",
  webgpu:
    "It needs a GPU with a driver for Vulkan (Linux; libvulkan1, and for NVIDIA's libgl1, libx11-6, libxext6), Metal (macOS) or Direct3D 12 (Windows).",
  cuda: "It needs Linux on x64, an NVIDIA GPU, CUDA 12 with cuDNN 9, and onnxruntime-node installed with its CUDA libraries.",
  coreml: "It needs macOS.",
  dml: "It needs Windows with a Direct3D 12 GPU.",
};

/**
 * The device of that name, tried with a small product.
 *
 * @throws AppError `device_unavailable` where it cannot be used; `auto` falls back to `cpu`.
 */
export async function findDevice(name: DeviceName): Promise<Device> {
  if (name === "cpu") return name;
  if (name !== "auto") {
    await millisecondsOn(name);
    return name;
  }
  let best: { device: Device; milliseconds: number } = { device: "cpu", milliseconds: await millisecondsOn("cpu") };
  for (const device of candidates()) {
    const milliseconds = await millisecondsOn(device).catch(() => Number.POSITIVE_INFINITY);
    if (milliseconds < best.milliseconds) best = { device, milliseconds };
  }
  return best.device;
}

/** Execution providers for a device, in order of preference. */
export const providersOf = (device: Device): readonly string[] => (device === "cpu" ? ["cpu"] : [device, "cpu"]);

/** Devices worth trying: a provider without its hardware costs time and prints errors. */
function candidates(): Device[] {
  if (process.platform === "darwin") return ["webgpu"]; // Core ML wants fixed weights
  if (process.platform === "win32") return ["dml", "webgpu"];
  const hasNvidia = existsSync("/proc/driver/nvidia/version"); // its Vulkan driver does without /dev/dri
  return [
    ...(hasNvidia ? (["cuda"] as const) : []),
    ...(hasNvidia || existsSync("/dev/dri") ? (["webgpu"] as const) : []),
  ];
}

/** Time of a product of two large matrices: long enough that a GPU emulated in software loses to the processor. */
async function millisecondsOn(device: Device): Promise<number> {
  const unavailable = (reason: string, cause?: unknown) =>
    new AppError(
      "device_unavailable",
      `Expected to train on the device "${device}" but it cannot be used here: ${reason}. ${NEEDS[device]} Use --device cpu, which always works.`,
      { cause },
    );
  // A provider that the library was built without is left out silently, and the processor would stand in for it.
  if (!listSupportedBackends().some(({ name }) => name === device)) {
    throw unavailable(`onnxruntime-node has no "${device}" on ${process.platform} ${process.arch}`);
  }
  const size = 512;
  try {
    const x = input("x", [size, size]);
    const graph = await compile({ y: matmul(matmul(x, x), filled([size, 1], 1)) }, { providers: providersOf(device) });
    const feeds = { x: new Float32Array(size * size).fill(1 / size) };
    await graph.run(feeds); // the first run prepares
    const began = performance.now();
    const { y } = await graph.run(feeds);
    const milliseconds = performance.now() - began;
    await graph.release();
    if (!(Math.abs((y![0] as number) - 1) < 1e-3)) throw new Error(`a product came out as ${y![0]} instead of 1`);
    return milliseconds;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw unavailable(reason.split("\n")[0]!.replace(/\.$/, ""), error);
  }
}
