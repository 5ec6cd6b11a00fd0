// State that stays on a GPU from step to step. To copy its hundreds of tensors to the processor and back takes many
// times as long as the step, so it is copied only where somebody asks for it.
import { InferenceSession, Tensor as OrtTensor } from "../../../core/onnxruntime.ts";
import type { CompileOptions, Tensor, Values } from "../index.ts";
import { input } from "../tensor.ts";
import { inputsOf, type StatefulGraph, wrap } from "./compile.ts";
import { serialize } from "./serialize.ts";

/**
 * Compiles a graph for WebGPU, the provider whose tensors onnxruntime-node can keep where they are.
 *
 * @param outputs What a step returns.
 * @param next State by input name → its value after the step.
 * @param initial State before the first step.
 */
export async function compileResident(
  outputs: Readonly<Record<string, Tensor>>,
  next: ReadonlyMap<string, Tensor>,
  initial: ReadonlyMap<string, Float32Array>,
  { providers = ["webgpu"], profile }: CompileOptions,
): Promise<StatefulGraph> {
  const names = [...next.keys()];
  const ports = Object.fromEntries([...next].map(([name, tensor]) => [`next.${name}`, tensor]));
  const inputs = inputsOf({ ...outputs, ...ports });
  const open = (onnx: Uint8Array, options: InferenceSession.SessionOptions = {}) =>
    InferenceSession.create(onnx, { executionProviders: [...providers], logSeverityLevel: 3, ...options });
  const session = await open(serialize({ ...outputs, ...ports }), {
    preferredOutputLocation: Object.fromEntries(Object.keys(ports).map((port) => [port, "gpu-buffer" as const])),
    ...(profile && { enableProfiling: true, profileFilePrefix: profile }),
  });
  const shapeOf = (name: string) => next.get(name)!.shape;
  let state = new Map<string, OrtTensor>(names.map((name) => [name, new OrtTensor(initial.get(name)!, shapeOf(name))]));
  let download: InferenceSession | undefined;
  const discard = () => {
    for (const tensor of state.values()) if (tensor.location !== "cpu") tensor.dispose();
  };

  return {
    async state() {
      download ??= await open(
        serialize(Object.fromEntries(names.map((name) => [`next.${name}`, input(name, shapeOf(name))]))),
      );
      const copies = await download.run(Object.fromEntries(state));
      return new Map(names.map((name) => [name, copies[`next.${name}`]!.data as Float32Array]));
    },
    async step(feeds: Values) {
      const given = [...inputs].filter(([name]) => !state.has(name));
      const fed = Object.fromEntries(given.map(([name, tensor]) => [name, wrap(name, feeds[name], tensor)]));
      const results = await session.run({ ...fed, ...Object.fromEntries(state) });
      discard();
      state = new Map(names.map((name) => [name, results[`next.${name}`] as OrtTensor]));
      return Object.fromEntries(Object.keys(outputs).map((name) => [name, results[name]!.data as Float32Array]));
    },
    async release() {
      if (profile) session.endProfiling();
      discard(); // while the session lives, whose memory it is
      await Promise.all([session.release(), download?.release()]);
    },
  };
}
