// How images were prepared, from the file that transformers, open_clip or timm put beside an encoder.
import { readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import { AppError, hasErrno } from "../../core/errors.ts";
import type { Fit } from "../../core/fit.ts";
import type { EncoderInput } from "../../core/model-card.ts";
import type { Size } from "./input.ts";

type Three = EncoderInput["mean"];

/** What a preprocessing config says; each fact where it says it. */
export interface PreprocessingConfig {
  /** Name of the config's file. */
  readonly file: string;
  readonly size?: Size;
  readonly fit?: Fit;
  /** Pixels of the shorter side before the middle is cut out, where that is more than the size. */
  readonly resizedTo?: number;
  /** Of values in 0..1. */
  readonly mean?: Three;
  readonly std?: Three;
}

type Facts = Omit<PreprocessingConfig, "file">;

const three = z.tuple([z.number(), z.number(), z.number()]);
const threePositive = z.tuple([z.number().positive(), z.number().positive(), z.number().positive()]);
const side = z.int().min(1).max(4096);
const sideLengths = z.union([side, z.object({ height: side, width: side }), z.object({ shortest_edge: side })]);

const transformers = z.object({
  do_resize: z.boolean().default(true),
  size: sideLengths.optional(),
  do_center_crop: z.boolean().default(true),
  crop_size: sideLengths.optional(),
  do_rescale: z.boolean().default(true),
  rescale_factor: z
    .number()
    .positive()
    .default(1 / 255),
  rescale_offset: z.boolean().default(false),
  do_normalize: z.boolean().default(true),
  image_mean: three.optional(),
  image_std: threePositive.optional(),
});

const openClip = z.object({
  preprocess_cfg: z.object({
    size: z.union([side, z.tuple([side, side])]).optional(),
    resize_mode: z.enum(["shortest", "longest", "squash"]).default("shortest"),
    mean: three.optional(),
    std: threePositive.optional(),
  }),
});

const timm = z.object({
  pretrained_cfg: z.object({
    input_size: z.tuple([z.literal(3), side, side]).optional(),
    crop_pct: z.number().min(0.05).max(1).default(1),
    crop_mode: z.enum(["center", "squash", "border"]).default("center"),
    mean: three.optional(),
    std: threePositive.optional(),
  }),
});

const ofTransformers = (json: unknown): Facts => {
  const config = transformers.parse(json);
  const { size, crop_size: crop, image_mean, image_std } = config;
  const isCut = config.do_center_crop && crop !== undefined;
  const target = isCut ? crop : config.do_resize ? size : undefined;
  // A byte b is b · factor − offset when it is normalised; in values of 0..1 that is (v − mean') / std'.
  const factor = 255 * (config.do_rescale ? config.rescale_factor : 1);
  const offset = config.do_rescale && config.rescale_offset ? 1 : 0;
  const [mean, std] = config.do_normalize
    ? [image_mean, image_std]
    : ([[0, 0, 0] as Three, [1, 1, 1] as Three] as const);
  const keepsShape = typeof size === "object" && "shortest_edge" in size;
  return {
    ...(target && { size: square(target), fit: isCut || keepsShape ? "cover" : "fill" }),
    ...(isCut && config.do_resize && size && { resizedTo: Math.min(...Object.values(square(size))) }),
    ...(mean && { mean: map(mean, (m) => (m + offset) / factor) }),
    ...(std && { std: map(std, (s) => s / factor) }),
  };
};

const ofOpenClip = (json: unknown): Facts => {
  const { size, resize_mode, mean, std } = openClip.parse(json).preprocess_cfg;
  const [height, width] = typeof size === "number" ? [size, size] : (size ?? []);
  return {
    ...(height && width && { size: { width, height } }),
    fit: ({ shortest: "cover", longest: "contain", squash: "fill" } as const)[resize_mode],
    ...(mean && { mean }),
    ...(std && { std }),
  };
};

const ofTimm = (json: unknown): Facts => {
  const { input_size, crop_pct, crop_mode, mean, std } = timm.parse(json).pretrained_cfg;
  const [, height, width] = input_size ?? [];
  return {
    ...(height && width && { size: { width, height }, resizedTo: Math.floor(Math.min(width, height) / crop_pct) }),
    fit: ({ center: "cover", border: "contain", squash: "fill" } as const)[crop_mode],
    ...(mean && { mean }),
    ...(std && { std }),
  };
};

/** By file name: how it is read, and the key without which a file of that name is of something else. */
const READERS: ReadonlyArray<readonly [file: string, read: (json: unknown) => Facts, key: string | undefined]> = [
  ["preprocessor_config.json", ofTransformers, undefined],
  ["open_clip_config.json", ofOpenClip, "preprocess_cfg"],
  ["config.json", ofTimm, "pretrained_cfg"],
];

/**
 * The preprocessing config of an encoder's file: beside it, or a folder up where the file is in one named `onnx`.
 *
 * @throws AppError `invalid_model` where there is one that cannot be read.
 */
export async function findPreprocessingConfig(path: string): Promise<PreprocessingConfig | undefined> {
  const folder = dirname(path);
  for (const place of basename(folder) === "onnx" ? [folder, dirname(folder)] : [folder]) {
    for (const [file, read, key] of READERS) {
      const json = await readJson(join(place, file));
      if (json === undefined || (key && !(isObject(json) && isObject(json[key])))) continue;
      try {
        return { file, ...read(json) };
      } catch (error) {
        if (!(error instanceof z.ZodError)) throw error;
        const problems = error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; ");
        throw unreadable(join(place, file), problems, error);
      }
    }
  }
  return undefined;
}

async function readJson(path: string): Promise<unknown> {
  try {
    // What is null is as if it were not there.
    return JSON.parse(await readFile(path, "utf8"), (_, value) => value ?? undefined);
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return undefined;
    throw unreadable(path, error instanceof Error ? error.message : String(error), error);
  }
}

const unreadable = (path: string, problems: string, cause: unknown) =>
  new AppError(
    "invalid_model",
    `Expected how images are prepared in ${path}, which is beside the encoder, but: ${problems}. Correct it, or move it away and say it with --size, --mean and --std.`,
    { cause },
  );

const isObject = (json: unknown): json is Record<string, unknown> => typeof json === "object" && json !== null;

function square(sides: z.infer<typeof sideLengths>): Size {
  if (typeof sides === "number") return { width: sides, height: sides };
  return "shortest_edge" in sides ? { width: sides.shortest_edge, height: sides.shortest_edge } : sides;
}

const map = ([r, g, b]: Three, change: (value: number) => number): Three => [change(r), change(g), change(b)];
