// An ONNX file as it declares itself: its inputs, outputs and version.
import onnxProto, { type onnx } from "onnx-proto";
import { AppError } from "../../core/errors.ts";
import { refuseExternalData } from "../../core/external-data.ts";
import type { Recognised } from "./recognised.ts";

const { ModelProto, TensorProto } = onnxProto.onnx;

/** An ONNX model that has a graph. */
export type GraphModel = onnx.IModelProto & { readonly graph: onnx.IGraphProto };

/** An input or output as the file declares it. */
export interface Port {
  readonly name: string;
  /** Such as "float32" or "uint8". */
  readonly type: string;
  /** Its shape, with a name or "?" for each open dimension; undefined where the file does not say it. */
  readonly dims: ReadonlyArray<number | string> | undefined;
}

/** What an encoder's file declares. */
export interface EncoderFile {
  readonly model: GraphModel;
  /** Without those that have a default. */
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly recognised: Recognised;
}

/** The first opset that onnxruntime supports; it says itself which is the last. */
const FIRST_OPSET = 7;

/**
 * Reads what an encoder's file declares.
 *
 * @param name The model's name, for error messages.
 * @throws AppError `invalid_model` where the file is no ONNX model, is incomplete or too old.
 */
export function readEncoderFile(bytes: Uint8Array, name: string): EncoderFile {
  refuseExternalData(bytes, name);
  const model: onnx.IModelProto = ModelProto.decode(bytes);
  const { graph, opsetImport, irVersion, producerName, producerVersion } = model;
  if (!graph) throw new AppError("invalid_model", `Model "${name}" has no graph.`);
  const opset = Number((opsetImport ?? []).find(({ domain }) => !domain || domain === "ai.onnx")?.version ?? 1);
  if (opset < FIRST_OPSET) {
    throw new AppError(
      "invalid_model",
      `Expected ONNX opset ${FIRST_OPSET} or later but model "${name}" has opset ${opset}. Export it again, or convert it with onnx.version_converter.`,
    );
  }
  const constants = new Set((graph.initializer ?? []).map((tensor) => tensor.name));
  const producer = producerName ? `, written by ${[producerName, producerVersion].filter(Boolean).join(" ")}` : "";
  return {
    model: { ...model, graph },
    inputs: (graph.input ?? []).filter((value) => !constants.has(value.name)).map(portOf),
    outputs: (graph.output ?? []).map(portOf),
    recognised: { what: "file", says: `ONNX opset ${opset}, IR version ${irVersion ?? 0}${producer}`, from: "file" },
  };
}

/** `"name" float32 [N, 3, 224, 224]`. */
export function describePort({ name, type, dims }: Port): string {
  return `"${name}" ${type}${dims ? ` ${shapeText(dims)}` : ""}`;
}

/** `[N, 3, 224, 224]`. */
export const shapeText = (dims: ReadonlyArray<number | string>): string => `[${dims.join(", ")}]`;

function portOf({ name, type }: onnx.IValueInfoProto): Port {
  const { elemType, shape } = type?.tensorType ?? {};
  const dims = shape?.dim?.map(({ dimValue, dimParam }) =>
    Number(dimValue ?? 0) > 0 ? Number(dimValue) : dimParam || "?",
  );
  const typeName = (TensorProto.DataType[elemType ?? 0] ?? "unknown").toLowerCase();
  return { name: name ?? "", type: typeName.replace(/^float$/, "float32"), dims: dims?.length ? dims : undefined };
}
