// What is made of a pixel before an encoder sees it: (value − mean) / std of values in 0..1.
import { AppError } from "../../core/errors.ts";
import type { Fit } from "../../core/fit.ts";
import type { EncoderInput } from "../../core/model-card.ts";
import type { Port } from "./encoder-file.ts";
import type { OwnNormalisation, Range } from "./own-normalisation.ts";
import type { PreprocessingConfig } from "./preprocessing-config.ts";
import type { Decision, Recognised } from "./recognised.ts";

/** As in a model's card. */
export type Normalisation = Pick<EncoderInput, "mean" | "std">;

/** What the user says about it. */
export interface NormalisationOptions extends Partial<Normalisation> {
  readonly range?: Range;
}

/** The values that an encoder can take, and the normalisation that gives them. */
export const RANGES: Readonly<Record<Range, Normalisation>> = {
  "0..1": { mean: [0, 0, 0], std: [1, 1, 1] },
  "0..255": { mean: [0, 0, 0], std: [1 / 255, 1 / 255, 1 / 255] },
  "-1..1": { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
};

const IMAGENET: Normalisation = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/**
 * The normalisation: the user's, else what bytes or the graph's own normalisation want, else that of the config beside
 * the file, else ImageNet's.
 *
 * @throws AppError `invalid_model` where an input of bytes would be given something else.
 */
export function recogniseNormalisation(
  { name, type }: Port,
  own: OwnNormalisation | undefined,
  config: PreprocessingConfig | undefined,
  { range, mean, std }: NormalisationOptions,
): Decision<Normalisation> {
  const isBytes = type === "uint8";
  const known = withoutOptions(isBytes, own, config);
  if (!range && !mean && !std) return known;
  const value = range ? RANGES[range] : { mean: mean ?? known.value.mean, std: std ?? known.value.std };
  if (isBytes && !isSame(value, RANGES["0..255"])) {
    throw new AppError(
      "invalid_model",
      `Expected values in 0..255 for the input "${name}", which takes uint8, but ${range ? `--range says ${range}` : "--mean and --std say otherwise"}. Leave it out.`,
    );
  }
  const where = range ? "--range" : [mean && "--mean", std && "--std"].filter(Boolean).join(" and ");
  const also = own ? `; the graph normalises as well: ${inWords(own)}` : "";
  const says = `${range ? `values in ${range}` : meanAndStd(value)}${also}`;
  return { value, recognised: { what: "normalisation", says, from: "option", where } };
}

function withoutOptions(
  isBytes: boolean,
  own: OwnNormalisation | undefined,
  config: PreprocessingConfig | undefined,
): Decision<Normalisation> {
  const decided = (value: Normalisation, says: string, source: Pick<Recognised, "from" | "where">) => ({
    value,
    recognised: { what: "normalisation", says, ...source } as const,
  });
  if (own) {
    const notAgain = config?.mean ? `; that of ${config.file} is not applied again` : "";
    return decided(RANGES[own.range], `values in ${own.range}; the graph ${inWords(own)}${notAgain}`, { from: "file" });
  }
  if (isBytes) return decided(RANGES["0..255"], "values in 0..255, as the input takes uint8", { from: "file" });
  if (config?.mean && config.std) {
    const value = { mean: config.mean, std: config.std };
    return decided(value, meanAndStd(value), { from: "config", where: config.file });
  }
  const where = "--range or --mean with --std";
  return decided(IMAGENET, `ImageNet's, ${meanAndStd(IMAGENET)}`, { from: "assumed", where });
}

/** How images of another shape are brought to the encoder's: the user's way, else the config's, else cut. */
export function recogniseFit(asked: Fit | undefined, config: PreprocessingConfig | undefined): Decision<Fit> {
  const words: Record<Fit, string> = { cover: "cut to", contain: "padded to", fill: "squashed to" };
  const decided = (fit: Fit, source: Pick<Recognised, "from" | "where">, more = ""): Decision<Fit> => ({
    value: fit,
    recognised: { what: "fit", says: `${fit}, other shapes are ${words[fit]} this one${more}`, ...source },
  });
  if (asked) return decided(asked, { from: "option", where: "--fit" });
  if (!config?.fit) return decided("cover", { from: "assumed", where: "--fit" });
  const { fit, resizedTo, size, file } = config;
  const isSmaller = fit === "cover" && size && resizedTo && resizedTo > Math.min(size.width, size.height);
  const more = isSmaller
    ? `; the ${resizedTo} pixels that it is cut from there are not: all of the shorter side is kept`
    : "";
  return decided(fit, { from: "config", where: file }, more);
}

const inWords = ({ range, mean, std, operators }: OwnNormalisation): string =>
  `begins with ${operators.join(", ")}, (value − ${listed(mean)}) / ${listed(std)} of ${range}`;

const meanAndStd = ({ mean, std }: Normalisation): string =>
  `mean ${listed(mean)}, standard deviation ${listed(std)} of values in 0..1`;

const listed = (values: readonly number[]): string => {
  const [first, ...others] = values.map((value) => String(Number(value.toPrecision(4))));
  return others.every((other) => other === first) ? first! : `[${[first, ...others].join(", ")}]`;
};

const isSame = (a: Normalisation, b: Normalisation): boolean =>
  [...a.mean, ...a.std].every((value, i) => Math.abs(value - [...b.mean, ...b.std][i]!) < 1e-6);
