// What an encoder can run on.

/** Execution providers of onnxruntime-node by the names used in options. */
export const DEVICES = ["cpu", "webgpu", "cuda", "coreml", "dml"] as const;

/** One of {@link DEVICES}. */
export type Device = (typeof DEVICES)[number];
