// Which input of a file takes the images, and in which shape.
import { AppError } from "../../core/errors.ts";
import { describePort, type EncoderFile, type Port, shapeText } from "./encoder-file.ts";
import type { Decision } from "./recognised.ts";

/** Where the colours stand in a shape: before or after height and width. */
export type Layout = "NCHW" | "NHWC";

/** All layouts. */
export const LAYOUTS: readonly Layout[] = ["NCHW", "NHWC"];

/** Pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

const TYPES = ["float32", "float16", "uint8"];
/** Inputs of a text encoder, as exporters call them. */
const OF_TEXT = /^(input_ids|attention_mask|token_type_ids|position_ids|text|texts|tokens|text_input)$/i;

/**
 * The input for images: the only one, or the one of that name.
 *
 * @throws AppError `invalid_model` where it is not clear, or the file wants more than images.
 */
export function chooseInput({ inputs }: EncoderFile, asked: string | undefined): Decision<Port> {
  const text = inputs.find(({ name, type }) => OF_TEXT.test(name) && type.startsWith("int"));
  if (text) {
    throw refusal(
      `Expected an encoder of images alone but the model takes text, "${text.name}". Export its vision tower alone (of CLIP in transformers: CLIPVisionModelWithProjection).`,
    );
  }
  const found = asked === undefined ? inputs.length === 1 && inputs[0] : inputs.find(({ name }) => name === asked);
  if (!found) {
    const has = inputs.map(({ name }) => `"${name}"`).join(", ");
    throw refusal(`Expected the name of one input with --input; the model has ${has || "none"}.`);
  }
  if (inputs.length > 1) {
    const others = inputs.filter((port) => port !== found).map(describePort);
    throw refusal(
      `Expected a model that takes images alone but beside "${found.name}" it takes ${others.join(", ")}. Export it with these as constants.`,
    );
  }
  if (!TYPES.includes(found.type)) {
    throw refusal(
      `Expected the input "${found.name}" to be float32, float16 or uint8 but it is ${found.type}. Export the model so.`,
    );
  }
  return { value: found, recognised: { what: "input", says: describePort(found), from: "file" } };
}

/**
 * The layout of the input, by where its three channels are.
 *
 * @param transposed The layout that the graph's own first transpose shows, where it has one.
 * @throws AppError `invalid_model` where it has not three channels, or either could be them.
 */
export function recogniseLayout(
  { name, dims }: Port,
  asked: Layout | undefined,
  transposed: Layout | undefined,
): Decision<Layout> {
  const shape = dims ? shapeText(dims) : "without a shape";
  if (dims && dims.length !== 4) {
    throw refusal(`Expected an input [N, 3, H, W] or [N, H, W, 3] but "${name}" is ${shape}.`);
  }
  const channels: Record<Layout, number | string | undefined> = { NCHW: dims?.[1], NHWC: dims?.[3] };
  const isThree = LAYOUTS.filter((layout) => channels[layout] === 3);
  const mayBeThree = LAYOUTS.filter((layout) => typeof channels[layout] !== "number" || channels[layout] === 3);
  if (mayBeThree.length === 0 || (asked && !mayBeThree.includes(asked))) {
    const grey = LAYOUTS.some((layout) => channels[layout] === 1) ? " Encoders of grey images are not served." : "";
    throw refusal(
      `Expected three channels (${asked ?? "NCHW or NHWC"}) but the input "${name}" is ${shape}.${grey} Export the model for RGB images.`,
    );
  }
  const decided = (value: Layout, from: "file" | "option" | "assumed"): Decision<Layout> => {
    const says = `${value}, ${value === "NCHW" ? "colours first" : "colours last"}`;
    return { value, recognised: { what: "layout", says, from, ...(from !== "file" && { where: "--layout" }) } };
  };
  if (asked) return decided(asked, "option");
  if (isThree.length === 1) return decided(isThree[0]!, "file");
  if (mayBeThree.length === 1) return decided(mayBeThree[0]!, "file");
  if (transposed) return decided(transposed, "file");
  if (isThree.length === 0) return decided("NCHW", "assumed");
  throw refusal(
    `Expected one axis of three channels but the input "${name}" is ${shape}: say which with --layout NCHW or --layout NHWC.`,
  );
}

/**
 * The size of the input: what the file fixes, else the user's, else that of the config beside the file, else 224.
 *
 * @throws AppError `invalid_model` where the user's is not the one that the file fixes.
 */
export function recogniseSize(
  { name, dims }: Port,
  layout: Layout,
  asked: Size | undefined,
  config: { readonly file: string; readonly size?: Size } | undefined,
): Decision<Size> {
  const [height, width] = (dims ?? []).slice(layout === "NCHW" ? 2 : 1);
  const isOf = (size: Size) =>
    [
      [size.height, height],
      [size.width, width],
    ].every(([side, fixed]) => typeof fixed !== "number" || fixed === side);
  if (asked && !isOf(asked)) {
    const fixed = [width, height].map((side) => (typeof side === "number" ? side : "any")).join("×");
    throw refusal(
      `Expected images of ${fixed} pixels, which the input "${name}" is fixed to, but --size says ${asked.width}×${asked.height}. Leave --size out, or export the model with that size.`,
    );
  }
  const says = (size: Size) => `${size.width}×${size.height} pixels`;
  if (typeof width === "number" && typeof height === "number") {
    const value = { width, height };
    return { value, recognised: { what: "size", says: says(value), from: "file" } };
  }
  if (asked) return { value: asked, recognised: { what: "size", says: says(asked), from: "option", where: "--size" } };
  if (config?.size && isOf(config.size)) {
    return {
      value: config.size,
      recognised: { what: "size", says: says(config.size), from: "config", where: config.file },
    };
  }
  const side = [height, width].find((one) => typeof one === "number") ?? 224;
  const value = { width: side, height: side };
  return { value, recognised: { what: "size", says: says(value), from: "assumed", where: "--size" } };
}

/** How many images a run takes where the file fixes it. */
export const fixedBatch = ({ dims }: Port): number | undefined => (typeof dims?.[0] === "number" ? dims[0] : undefined);

const refusal = (message: string) => new AppError("invalid_model", message);
