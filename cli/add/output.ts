// Which output of a file is the embedding, and how it becomes one vector for each image.
import { AppError } from "../../core/errors.ts";
import { describePort, type EncoderFile, type Port, shapeText } from "./encoder-file.ts";
import type { Decision, Recognised } from "./recognised.ts";

/**
 * How the output becomes one vector for each image: as it is, or as the mean over positions [N, C, …] or tokens
 * [N, T, C].
 */
export type Pooling = "none" | "positions" | "tokens";

/** Names of embeddings, the best first. */
const EMBEDDINGS = [
  "image_embeds",
  "image_embeddings",
  "image_embedding",
  "image_features",
  "embeddings",
  "embedding",
  "pooler_output",
  "pooled_output",
  "features",
  "feature",
];
const TOKENS = "last_hidden_state";
/** Scores of classes, which say less of an image than what they are computed from. */
const SCORES = /logit|prob|score|class|softmax/i;

/**
 * The output to embed with: the one of that name or the only one, else by well-known names, then by shape.
 *
 * @throws AppError `invalid_model` where it is not clear which.
 */
export function chooseOutput({ outputs }: EncoderFile, asked: string | undefined): Decision<Port> {
  const refusal = (expected: string) =>
    new AppError(
      "invalid_model",
      `${expected}; the model has ${outputs.map(describePort).join(", ") || "none"}. Say which with --output.`,
    );
  const decided = (port: Port, why: string, from: Recognised["from"]): Decision<Port> => {
    const others = outputs.filter((other) => other !== port).map(describePort);
    const says = [`${describePort(port)}${why}`, ...(others.length > 0 ? [`there is also ${others.join(", ")}`] : [])];
    const where = from === "option" ? { where: "--output" } : {};
    return { value: port, recognised: { what: "output", says: says.join("; "), from, ...where } };
  };
  if (asked !== undefined) {
    const found = outputs.find(({ name }) => name === asked);
    if (!found) throw refusal(`Expected one of its outputs but --output says "${asked}"`);
    if (!isFloat(found)) throw notFloat(found);
    return decided(found, "", "option");
  }
  if (outputs.length === 1 && !isFloat(outputs[0]!)) throw notFloat(outputs[0]!);
  const ranked = outputs.filter(isFloat).map((port) => ({ port, ...rankOf(port) }));
  const best = Math.min(...ranked.map(({ rank }) => rank));
  const [first, second] = ranked.filter(({ rank }) => rank === best);
  if (!first || second) throw refusal("Expected one output that is the embedding");
  return decided(first.port, outputs.length === 1 ? "" : `, ${first.why}`, "file");
}

const isFloat = ({ type }: Port): boolean => type === "float32" || type === "float16";

const notFloat = ({ name, type }: Port) =>
  new AppError(
    "invalid_model",
    `Expected the output "${name}" to be float32 or float16 but it is ${type}. Export the model so.`,
  );

/** How far from an embedding an output is, least first, and why. */
function rankOf({ name, dims }: Port): { rank: number; why: string } {
  const known = EMBEDDINGS.indexOf(name.toLowerCase());
  if (known >= 0) return { rank: known, why: "by its name" };
  const after = EMBEDDINGS.length;
  if (SCORES.test(name)) return { rank: after + 5, why: "the only one, by its name scores of classes" };
  if (dims && (dims.length === 2 || (dims.length > 2 && dims.slice(2).every((size) => size === 1)))) {
    return { rank: after, why: "by its shape, a vector for each image" };
  }
  if (name.toLowerCase() === TOKENS) return { rank: after + 1, why: "by its name" };
  if (dims?.length === 3) return { rank: after + 2, why: "by its shape, tokens" };
  if (dims?.length === 4) return { rank: after + 3, why: "by its shape, a feature map" };
  return { rank: after + 4, why: "as nothing else could be it" };
}

/**
 * How an output of this shape, which one run had, becomes one vector for each image.
 *
 * @throws AppError `invalid_model` where it has several positions and the mean is not asked for.
 */
export function choosePooling(dims: readonly number[], asked: "mean" | undefined): Decision<Pooling> {
  const positions = dims.length === 3 ? dims[1]! : dims.slice(2).reduce((a, b) => a * b, 1);
  const decided = (value: Pooling, says: string, source: Pick<Recognised, "from" | "where">) => ({
    value,
    recognised: { what: "pooling", says, ...source } as const,
  });
  if (positions <= 1) return decided("none", "none, it is one vector for each image", { from: "trial" });
  const isTokens = dims.length === 3;
  if (asked) {
    const says = `the mean over ${positions} ${isTokens ? "tokens" : "positions"}`;
    return decided(isTokens ? "tokens" : "positions", says, { from: "option", where: "--pool" });
  }
  throw new AppError(
    "invalid_model",
    `Expected one vector for each image but the output is ${isTokens ? "tokens" : "a feature map"}, ${shapeText(["N", ...dims.slice(1)])}. Take the mean with --pool mean, or another output with --output.`,
  );
}

/** Length of an embedding. */
export function dimensionsOf(dims: readonly number[], pooling: Pooling): number {
  if (pooling === "none") return dims.slice(1).reduce((a, b) => a * b, 1);
  return pooling === "tokens" ? dims[2]! : dims[1]!;
}
