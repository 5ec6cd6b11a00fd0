// An ONNX file of half the size: weights are stored as float16 and widened when the model is loaded. It computes in
// float32.
import onnxProto from "onnx-proto";
import { toHalf } from "../../core/half.ts";

const { AttributeProto, ModelProto, TensorProto } = onnxProto.onnx;

/** Elements of the smallest tensor that is halved: biases are not. */
const LEAST = 1024;

/** Stores the weights of a model as float16. Values beyond ±65504 overflow; the check of the export would find that. */
export function halveWeights(onnx: Uint8Array): Uint8Array {
  const model = ModelProto.decode(onnx);
  const graph = model.graph!;
  for (const weight of graph.initializer!) {
    const bytes = weight.rawData!;
    if (weight.dataType !== TensorProto.DataType.FLOAT || bytes.length < 4 * LEAST) continue;
    const values = new Float32Array(new Uint8Array(bytes).buffer);
    const half = toHalf(values);
    const name = weight.name!;
    weight.name = `${name}_half`;
    weight.dataType = TensorProto.DataType.FLOAT16;
    weight.rawData = new Uint8Array(half.buffer);
    graph.node!.unshift({
      name: `${name}_widened`,
      opType: "Cast",
      input: [weight.name],
      output: [name],
      attribute: [{ name: "to", type: AttributeProto.AttributeType.INT, i: TensorProto.DataType.FLOAT }],
    });
  }
  return ModelProto.encode(model).finish();
}
