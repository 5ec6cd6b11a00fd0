// ONNX files may keep tensors in other files, named by path. Such a file is refused: it is incomplete, and its paths
// cannot be trusted.
import onnxProto, { type onnx } from "onnx-proto";
import { AppError } from "./errors.ts";

const { ModelProto, TensorProto } = onnxProto.onnx;

/** @throws AppError `invalid_model` where the bytes are no ONNX model or a tensor of it is in another file. */
export function refuseExternalData(bytes: Uint8Array, name: string): void {
  let model: onnx.ModelProto;
  try {
    model = ModelProto.decode(bytes);
  } catch (error) {
    throw new AppError("invalid_model", `Model "${name}" is not an ONNX file.`, { cause: error });
  }
  const outside = [...tensorsOf(model)].find(
    ({ dataLocation, externalData }) =>
      dataLocation === TensorProto.DataLocation.EXTERNAL || (externalData?.length ?? 0) > 0,
  );
  if (!outside) return;
  throw new AppError(
    "invalid_model",
    `Model "${name}" keeps the tensor "${outside.name}" in another file. Save it as one file (onnx.save_model with save_as_external_data=False).`,
  );
}

function* tensorsOf({ graph, functions }: onnx.IModelProto): Generator<onnx.ITensorProto> {
  const graphs: onnx.IGraphProto[] = graph ? [graph] : [];
  const nodes = (functions ?? []).flatMap((f) => f.node ?? []);
  for (let next = graphs.pop(); next || nodes.length > 0; next = graphs.pop()) {
    yield* next?.initializer ?? [];
    for (const { values, indices } of next?.sparseInitializer ?? []) yield* [values, indices].filter((t) => t != null);
    for (const { attribute } of [...nodes.splice(0), ...(next?.node ?? [])]) {
      for (const { t, tensors, g, graphs: inner, sparseTensor } of attribute ?? []) {
        yield* [t, ...(tensors ?? []), sparseTensor?.values, sparseTensor?.indices].filter((one) => one != null);
        graphs.push(...[g, ...(inner ?? [])].filter((one) => one != null));
      }
    }
  }
}
