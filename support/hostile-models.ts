// What makes an encoder never finish, or take all memory: nodes that give a tiny model's "norm" (writeTinyModel).
import onnxProto, { type onnx } from "onnx-proto";
import { node, tensor } from "./tiny-model.ts";

const { AttributeProto, TensorProto } = onnxProto.onnx;

/** A loop of 2⁶³ − 1 trips: the first run never ends, which is the check of a model that is opened. */
export const endlessLoop = (): onnx.INodeProto[] => [
  constant("trips", int64([], 2n ** 63n - 1n)),
  ...loopFrom("trips"),
];

/** The same for two images or more at a time; a single one is embedded as by any other model. */
export const endlessLoopOfTwo = (): onnx.INodeProto[] => [
  constant("one", int64([1], 1n)),
  constant("many", int64([1], 2n ** 62n)),
  node("Shape", ["pixels"], "images", [
    { name: "start", type: AttributeProto.AttributeType.INT, i: 0 },
    { name: "end", type: AttributeProto.AttributeType.INT, i: 1 },
  ]),
  node("Sub", ["images", "one"], "more"),
  node("Mul", ["more", "many"], "trips"),
  ...loopFrom("trips"),
];

/** A constant of 3 GB, computed when the model is opened. */
export const hugeConstant = (): onnx.INodeProto[] => [
  constant("length", int64([1], (3n * 1024n ** 3n) / 4n)),
  node("ConstantOfShape", ["length"], "huge", [
    { name: "value", type: AttributeProto.AttributeType.TENSOR, t: tensor("", [1], Float32Array.of(1)) },
  ]),
  node("ReduceMax", ["huge"], "norm", [{ name: "keepdims", type: AttributeProto.AttributeType.INT, i: 0 }]),
];

/** `norm` = 1 after as many trips as `trips` says. */
function loopFrom(trips: string): onnx.INodeProto[] {
  const { FLOAT, BOOL, INT64 } = TensorProto.DataType;
  const value = (name: string, elemType: number) => ({ name, type: { tensorType: { elemType, shape: { dim: [] } } } });
  const body: onnx.IGraphProto = {
    name: "trip",
    input: [value("trip", INT64), value("go", BOOL), value("before", FLOAT)],
    output: [value("goOn", BOOL), value("after", FLOAT)],
    node: [node("Identity", ["go"], "goOn"), node("Abs", ["before"], "after")],
  };
  return [
    constant("always", { dims: [], dataType: BOOL, rawData: Uint8Array.of(1) }),
    constant("first", tensor("", [], Float32Array.of(1))),
    node("Loop", [trips, "always", "first"], "norm", [
      { name: "body", type: AttributeProto.AttributeType.GRAPH, g: body },
    ]),
  ];
}

const constant = (name: string, t: onnx.ITensorProto): onnx.INodeProto =>
  node("Constant", [], name, [{ name: "value", type: AttributeProto.AttributeType.TENSOR, t }]);

const int64 = (dims: number[], value: bigint): onnx.ITensorProto => ({
  dims,
  dataType: TensorProto.DataType.INT64,
  rawData: new Uint8Array(BigInt64Array.of(value).buffer),
});
