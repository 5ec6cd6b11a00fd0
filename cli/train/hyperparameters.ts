import { Option } from "commander";
import { AppError } from "../../core/errors.ts";
import { ARCHITECTURE_NAMES, type Axis, HEADS, MECHANISMS, type Settings } from "../../training/index.ts";

const number = (text: string) => Number(text);
const numbers = (text: string) => text.split(",").map(Number);

/** Flag, path in the configuration, description; then a parser for its text, or the allowed words. */
const HYPERPARAMETERS: ReadonlyArray<
  readonly [string, string, string, (((text: string) => unknown) | readonly string[])?]
> = [
  ["--image-size <pixels>", "imageSize", "side of the views", number],
  ["--stored-size <pixels>", "storedSize", "side at which images are kept for cropping", number],
  ["--architecture <name>", "architecture", "network", ARCHITECTURE_NAMES],
  ["--mechanism <name>", "mechanism", "where negative keys come from", MECHANISMS],
  ["--head <kind>", "head", "projection head", HEADS],
  ["--head-width <number>", "headWidth", "of an MLP head's hidden layers (default: that of the features)", number],
  ["--head-layers <number>", "headLayers", "layers of the head mlp-bn", number],
  ["--dim <number>", "dim", "length of a key", number],
  ["--batch <number>", "batch", "images in a step", number],
  ["--queue <number>", "queue", "K, negative keys", number],
  [
    "--queue-precision <type>",
    "queuePrecision",
    "numbers that the keys of the queue are kept as",
    ["float32", "float16"],
  ],
  ["--key-momentum <0..1>", "keyMomentum", "m, momentum of the key encoder", number],
  ["--key-momentum-schedule <kind>", "keyMomentumSchedule", "m as it is, or up to 1", ["constant", "cosine"]],
  ["--bank-momentum <0..1>", "bankMomentum", "share of its old content that a slot of the memory bank keeps", number],
  ["--temperature <number>", "temperature", "T", number],
  ["--bn-groups <number>", "bnGroups", "groups of the batch with statistics of their own", number],
  ["--no-shuffle", "shuffle", "leave keys in the group of their query"],
  ["--optimizer <name>", "optimizer", "optimiser", ["sgd", "adamw", "lars"]],
  ["--learning-rate <number>", "learningRate", "largest learning rate", number],
  ["--weight-decay <number>", "weightDecay", "weight decay", number],
  ["--momentum <0..1>", "momentum", "of SGD and LARS", number],
  ["--nesterov", "nesterov", "Nesterov's momentum, with SGD"],
  ["--no-decay-vectors", "decayVectors", "no decay of biases and batch norm, with SGD"],
  ["--betas <b1,b2>", "betas", "of AdamW", numbers],
  ["--epsilon <number>", "epsilon", "of AdamW", number],
  ["--trust <number>", "trust", "trust coefficient of LARS", number],
  ["--schedule <kind>", "schedule.kind", "of the learning rate", ["cosine", "linear", "step"]],
  ["--warmup <0..1>", "schedule.warmup", "share of the run in which the learning rate rises", number],
  [
    "--milestones <shares>",
    "schedule.milestones",
    "shares of the run at which it falls to a tenth, as 0.6,0.8",
    numbers,
  ],
  ["--crop-scale <from,to>", "views.cropScale", "share of the area that a view shows", numbers],
  [
    "--neighbours <number>",
    "neighbours",
    "with --init: an image's key is a view of one of its so many nearest, by that model; 0: of itself",
    number,
  ],
  [
    "--queries <number>",
    "smallQueries.count",
    "so many small queries of an image in place of one of full size",
    number,
  ],
  ["--query-size <pixels>", "smallQueries.size", "side of the small queries", number],
  ["--query-crop-scale <from,to>", "smallQueries.cropScale", "share of the area that a small query shows", numbers],
  ["--query-pairs", "smallQueries.pairs", "averages of every two small queries as queries too (Fast-MoCo)"],
  ["--flip <0..1>", "views.flip", "probability of mirroring", number],
  ["--jitter <0..1>", "views.jitter.probability", "probability of changed colours", number],
  ["--brightness <number>", "views.jitter.brightness", "largest change of brightness", number],
  ["--contrast <number>", "views.jitter.contrast", "largest change of contrast", number],
  ["--saturation <number>", "views.jitter.saturation", "largest change of saturation", number],
  ["--hue <0..0.5>", "views.jitter.hue", "largest change of hue, in turns", number],
  ["--grey <0..1>", "views.grey", "probability of no colour", number],
  ["--grey-first", "views.greyFirst", "take colour away before it is changed, as MoCo v1"],
  ["--blur <0..1>", "views.blur.probability", "probability of blur", number],
  ["--blur-sigma <from,to>", "views.blur.sigma", "standard deviation of the blur in pixels", numbers],
  ["--solarize <0..1>", "views.solarize", "probability of turning bright values round", number],
  ["--seed <number>", "seed", "seed of every random draw (default: 1)", number],
];

/** An option for every hyper-parameter. */
export function hyperparameterOptions(): Option[] {
  return HYPERPARAMETERS.map(([flag, , description, reading]) => {
    const option = new Option(flag, description);
    if (typeof reading === "function") option.argParser(reading);
    else if (reading) option.choices(reading);
    return option;
  });
}

/** The hyper-parameters among the values of the options. */
export function settingsOf(values: Readonly<Record<string, unknown>>): Settings {
  const settings = {};
  for (const [flag, path] of HYPERPARAMETERS) {
    const option = new Option(flag);
    const value = values[option.attributeName()];
    if (value !== undefined && !(option.negate && value === true)) put(settings, path.split("."), value);
  }
  return settings;
}

/**
 * One axis of a sweep, such as `learning-rate=0.06,0.12`.
 *
 * @throws AppError `invalid_configuration` where it is not a hyper-parameter of one value and some values for it.
 */
export function axisOf(text: string): Axis {
  const [name, list = ""] = text.split("=");
  const values = list.split(",").filter(Boolean);
  const found = HYPERPARAMETERS.find(([flag, , , reading]) => flag.startsWith(`--${name} `) && reading !== numbers);
  if (!found || values.length === 0) {
    const known = HYPERPARAMETERS.filter(
      ([flag, , , reading]) => reading && reading !== numbers && !flag.startsWith("--no-"),
    );
    throw new AppError(
      "invalid_configuration",
      `Expected a hyper-parameter and values, such as learning-rate=0.06,0.12, but received ${JSON.stringify(text)}. Hyper-parameters: ${known.map(([flag]) => flag.slice(2).split(" ")[0]).join(", ")}.`,
    );
  }
  const [, path, , reading] = found;
  return {
    name: name!,
    values: values.map((value) => {
      const settings = {};
      put(settings, path.split("."), typeof reading === "function" ? reading(value) : value);
      return { text: value, settings };
    }),
  };
}

function put(record: Record<string, unknown>, [name, ...rest]: string[], value: unknown): void {
  if (rest.length === 0) record[name!] = value;
  else {
    record[name!] ??= {};
    put(record[name!] as Record<string, unknown>, rest, value);
  }
}
