// State that stays on a GPU from step to step, as a few flat tensors. To copy it to the processor and back takes many
// times as long as the step, so it is copied only where somebody asks for it.
import { InferenceSession, Tensor as OrtTensor } from "../../../core/onnxruntime.ts";
import type { CompileOptions, Tensor, Values } from "../index.ts";
import { input } from "../tensor.ts";
import { inputsOf, type StatefulGraph, wrap } from "./compile.ts";
import { flattenState } from "./flat-state.ts";
import { serialize } from "./serialize.ts";
import type { StateUpdate } from "./split-step.ts";

/**
 * Compiles a graph for WebGPU, the provider whose tensors onnxruntime-node can keep where they are.
 *
 * @param outputs What a step returns.
 * @param initial State before the first step, by name.
 */
export async function compileResident(
  outputs: Readonly<Record<string, Tensor>>,
  update: StateUpdate,
  initial: ReadonlyMap<string, Float32Array>,
  { providers = ["webgpu"], profile }: CompileOptions,
): Promise<StatefulGraph> {
  const flat = flattenState(outputs, update);
  const { next } = flat;
  const names = [...next.keys()];
  const ports = Object.fromEntries([...next].map(([name, tensor]) => [`next.${name}`, tensor]));
  const inputs = inputsOf({ ...flat.outputs, ...ports });
  // Every step asks for buffers of the same sizes. Whichever session is opened first decides it for all of a process.
  const executionProviders = providers.map((name) =>
    name === "webgpu" ? { name, storageBufferCacheMode: "simple" as const } : name,
  );
  const open = (onnx: Uint8Array, options: InferenceSession.SessionOptions = {}) =>
    InferenceSession.create(onnx, { executionProviders, logSeverityLevel: 3, ...options });
  const session = await open(serialize({ ...flat.outputs, ...ports }), {
    preferredOutputLocation: Object.fromEntries(Object.keys(ports).map((port) => [port, "gpu-buffer" as const])),
    ...(profile && { enableProfiling: true, profileFilePrefix: profile }),
  });
  const shapeOf = (name: string) => next.get(name)!.shape;
  let state = new Map<string, OrtTensor>(
    [...flat.pack(initial)].map(([name, values]) => [name, new OrtTensor(values, shapeOf(name))]),
  );
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
      return flat.unpack(new Map(names.map((name) => [name, copies[`next.${name}`]!.data as Float32Array])));
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
