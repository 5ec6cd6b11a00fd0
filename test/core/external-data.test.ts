import assert from "node:assert/strict";
import onnxProto, { type onnx } from "onnx-proto";
import { refuseExternalData } from "../../core/external-data.ts";

const { ModelProto, TensorProto } = onnxProto.onnx;

const outside: onnx.ITensorProto = {
  name: "w",
  dims: [1],
  dataType: 1,
  dataLocation: TensorProto.DataLocation.EXTERNAL,
  externalData: [{ key: "location", value: "../../etc/passwd" }],
};
const encode = (model: onnx.IModelProto) => ModelProto.encode(ModelProto.create(model)).finish();

describe("refuseExternalData", () => {
  const places: Record<string, onnx.IModelProto> = {
    "an initializer": { graph: { initializer: [outside] } },
    "a constant": { graph: { node: [{ opType: "Constant", attribute: [{ name: "value", t: outside }] }] } },
    "a subgraph": { graph: { node: [{ opType: "If", attribute: [{ name: "then", g: { initializer: [outside] } }] }] } },
    "a function": { functions: [{ node: [{ opType: "Constant", attribute: [{ name: "value", t: outside }] }] }] },
    "a sparse tensor": { graph: { sparseInitializer: [{ values: outside }] } },
  };
  for (const [where, model] of Object.entries(places)) {
    it(`refuses ${where} in another file`, () => {
      assert.throws(() => refuseExternalData(encode(model), "m"), /keeps the tensor "w" in another file/);
    });
  }

  it("accepts a whole file and refuses what is no ONNX", () => {
    refuseExternalData(
      encode({ graph: { initializer: [{ name: "w", dims: [1], dataType: 1, floatData: [1] }] } }),
      "m",
    );
    assert.throws(() => refuseExternalData(Buffer.from("no onnx at all"), "m"), /not an ONNX file/);
  });
});
