// Options about the exported encoder, for every command that exports.
import { type Command, Option } from "commander";
import { AppError } from "../../core/errors.ts";
import {
  DEFAULT_EMBEDDING,
  type EmbeddingChoice,
  type ExportOptions,
  PRECISIONS,
  type WeightPrecision,
} from "../../training/index.ts";
import { positive } from "../numbers.ts";

/** The values of {@link addExportOptions}. */
export interface ExportFlags {
  readonly embedding: EmbeddingChoice["kind"];
  readonly dimensions?: number;
  readonly strength?: number;
  readonly layout?: number;
  readonly mirrored?: true;
  readonly size?: number;
  readonly precision: WeightPrecision;
  readonly licence?: string;
}

const KINDS: readonly EmbeddingChoice["kind"][] = ["whitened", "features", "projection"];
const { kind, dimensions, strength } = DEFAULT_EMBEDDING;

/** Adds the options about the exported encoder to a command. */
export function addExportOptions(command: Command): void {
  command
    .optionsGroup("Export:")
    .addOption(new Option("--embedding <kind>", "what is searched with").choices(KINDS).default(kind))
    .option("--dimensions <number>", `of a whitened embedding, at most (default: ${dimensions})`, positive)
    .option(
      "--strength <0..1>",
      `of the whitening: 0 leaves what is left as it is, 1 whitens fully (default: ${strength})`,
      Number,
    )
    .option(
      "--layout <0..1>",
      "how much it counts where in the image things are (default: 0.4, or 0.8 for images that are laid out alike)",
      Number,
    )
    .option("--mirrored", "average each image with its mirror image: a little better, in twice the time")
    .option("--size <pixels>", "side of the images that the encoder takes (default: that of the views)", positive)
    .addOption(new Option("--precision <kind>", "of the weights in the file").choices(PRECISIONS).default("float32"))
    .option("--licence <text>", "licence situation of the images, for the model's card");
}

/** The options of an export that the flags set. */
export function exportOptionsOf(flags: ExportFlags): ExportOptions {
  const { embedding, size, precision, licence } = flags;
  const whitening = { dimensions: flags.dimensions ?? dimensions, strength: flags.strength ?? strength };
  if (embedding !== "whitened" && (flags.dimensions ?? flags.strength) !== undefined) {
    throw new AppError(
      "invalid_configuration",
      `Expected --dimensions and --strength with --embedding whitened but it is ${embedding}: its length is that of the network.`,
    );
  }
  if (embedding === "projection" && (flags.mirrored || flags.layout !== undefined)) {
    throw new AppError(
      "invalid_configuration",
      "Expected --mirrored and --layout with --embedding whitened or features but it is projection.",
    );
  }
  const isShare = (value: number) => value >= 0 && value <= 1;
  const inRange = isShare(whitening.strength) && isShare(flags.layout ?? 0) && Number.isInteger(whitening.dimensions);
  if (!inRange || (size !== undefined && !Number.isInteger(size))) {
    throw new AppError(
      "invalid_configuration",
      `Expected whole numbers of --dimensions and --size and a --strength and --layout of 0 to 1 but received ${whitening.dimensions}, ${size ?? "no size"}, ${whitening.strength} and ${flags.layout ?? "no layout"}.`,
    );
  }
  return {
    embedding: {
      ...(embedding === "whitened" ? { kind: embedding, ...whitening } : { kind: embedding }),
      ...(flags.mirrored && { mirrored: true }),
      ...(flags.layout !== undefined && { layout: flags.layout }),
    },
    precision,
    ...(size && { size }),
    ...(licence && { licence }),
  };
}
