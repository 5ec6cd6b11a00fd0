// An ONNX model cut down to one of its outputs. onnxruntime computes every node of a model, also those of outputs that
// nobody asked for.
import onnxProto, { type onnx } from "onnx-proto";

const { ModelProto } = onnxProto.onnx;

/**
 * A model cut down to its output `embedding`, and the whole of it where it has the output `cells` too. Bytes that are no
 * ONNX model stay as they are.
 */
export function withoutCells(bytes: Uint8Array): { readonly embedding: Uint8Array; readonly cells?: Uint8Array } {
  const hasCells = decode(bytes)?.graph?.output?.some(({ name }) => name === "cells");
  return hasCells ? { embedding: onlyOutput(bytes, "embedding"), cells: bytes } : { embedding: bytes };
}

/** The model with the output `name` alone, and only the nodes and tensors that it needs. */
export function onlyOutput(bytes: Uint8Array, name: string): Uint8Array {
  const model = decode(bytes);
  const graph = model?.graph;
  if (!model || !graph) return bytes;
  const needed = new Set([name]);
  // Nodes stand in an order in which they can be computed.
  const nodes = [...(graph.node ?? [])].reverse().filter((node) => {
    if (!node.output?.some((output) => needed.has(output))) return false;
    for (const input of inputsOf(node)) needed.add(input);
    return true;
  });
  graph.node = nodes.reverse();
  graph.initializer = graph.initializer?.filter((tensor) => needed.has(tensor.name ?? "")) ?? [];
  graph.output = graph.output?.filter((output) => output.name === name) ?? [];
  return ModelProto.encode(model).finish();
}

/** What a node takes, also inside the branches and loops that it may have. */
function inputsOf({ input, attribute }: onnx.INodeProto): string[] {
  const inner = (attribute ?? []).flatMap(({ g, graphs }) => [...(g ? [g] : []), ...(graphs ?? [])]);
  const names = inner.flatMap(({ node, output }) => [
    ...(node ?? []).flatMap(inputsOf),
    ...(output ?? []).map((one) => one.name ?? ""),
  ]);
  return [...(input ?? []), ...names];
}

function decode(bytes: Uint8Array): onnx.ModelProto | undefined {
  try {
    return ModelProto.decode(bytes);
  } catch {
    return undefined; // onnxruntime says what is wrong with it
  }
}
