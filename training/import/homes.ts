// Finds the encoder in a checkpoint: by the prefix of its tensors' names, which tells whose training wrote it.
import { refusal } from "./file/byte-file.ts";
import type { Checkpoint } from "./file/checkpoint.ts";
import { LAYOUTS, type NamedTensors, type Trainer } from "./layouts.ts";

/** A network of a checkpoint. */
export interface FoundNetwork {
  /** What its tensors' names begin with, such as "state_dict.module.encoder_q.". */
  readonly prefix: string;
  /** The layout of its names, in words. */
  readonly layout: string;
  readonly trainer: Trainer;
  /** By torchvision's names. */
  readonly tensors: NamedTensors;
}

/** Prefixes of encoders to search with, the best first: of several in one file they are taken. */
const HOMES: readonly (readonly [ends: RegExp, trainer: Trainer])[] = [
  [/(^|\.)encoder_q\.$/, "moco-v2"], // v1 or v2: its head tells
  [/(^|\.)base_encoder\.$/, "moco-v3"],
  [/(^|\.)teacher\.(module\.)?(backbone\.)?$/, "dino"],
  [/(^|\.)backbone\.$/, "lightly"], // lightly or solo-learn: their other names tell
  [/^((state_dict|model|model_state_dict)\.)?(module\.|model\.)?$/, "other"],
];

/**
 * Finds the encoder.
 *
 * @param prefix Of its tensors' names, where it is not to be found by itself.
 * @throws AppError `invalid_checkpoint` where there is none of a known layout, or several.
 */
export function findNetwork(checkpoint: Checkpoint, prefix?: string): FoundNetwork {
  const found = networksOf(checkpoint);
  const prefixes = [...found.keys()];
  const chosen =
    prefix === undefined ? bestOf(prefixes) : prefixes.find((one) => one === prefix || one === `${prefix}.`);
  if (chosen === undefined) throw nothingFound(checkpoint, prefixes, prefix);
  const layout = found.get(chosen)!;
  const home = HOMES.find(([ends]) => ends.test(chosen))?.[1] ?? "other";
  const rename = (name: string) =>
    home === "moco-v3" ? layout.rename(name).replace(/^head\./, "fc.") : layout.rename(name); // its transformers' head
  const own = new Map(
    [...checkpoint.tensors]
      .filter(([name]) => name.startsWith(chosen))
      .map(([name, tensor]) => [rename(name.slice(chosen.length)), tensor] as const),
  );
  return {
    prefix: chosen,
    layout: layout.name,
    trainer: layout.trainer ?? trainerOf(home, checkpoint, own),
    tensors: own,
  };
}

/** The networks of known layouts by their prefix. */
function networksOf({ tensors }: Checkpoint) {
  const found = new Map<string, (typeof LAYOUTS)[number]>();
  for (const layout of LAYOUTS) {
    for (const [name, { shape }] of tensors) {
      if (!name.endsWith(layout.first) || shape.length !== 4 || shape[1] !== 3) continue;
      const prefix = name.slice(0, -layout.first.length);
      const whole = (prefix === "" || prefix.endsWith(".")) && tensors.has(prefix + layout.second);
      if (whole && !found.has(prefix)) found.set(prefix, layout);
    }
  }
  return found;
}

function bestOf(prefixes: readonly string[]): string | undefined {
  for (const [ends] of HOMES) {
    const fitting = prefixes.filter((prefix) => ends.test(prefix));
    if (fitting.length > 0) return fitting.length === 1 ? fitting[0] : undefined;
  }
  return prefixes.length === 1 ? prefixes[0] : undefined;
}

function trainerOf(home: Trainer, { tensors, facts }: Checkpoint, own: NamedTensors): Trainer {
  if (home === "moco-v2" && own.has("fc.weight")) return "moco-v1";
  if (home !== "lightly") return home;
  const names = [...tensors.keys()];
  const has = (part: RegExp) => names.some((name) => part.test(name));
  if (has(/(^|\.)(momentum_backbone|projector|momentum_projector|classifier)\./)) return "solo-learn";
  return has(/(^|\.)(backbone_momentum|projection_head)\./) || facts.has("pytorch-lightning_version")
    ? "lightly"
    : "other";
}

function nothingFound({ tensors }: Checkpoint, prefixes: readonly string[], prefix: string | undefined) {
  const listed = prefixes.map((one) => JSON.stringify(one)).join(", ");
  if (prefix !== undefined) {
    return refusal(
      `no network's names begin with ${JSON.stringify(prefix)}: there are ${listed || "none of a known layout"}`,
    );
  }
  if (prefixes.length > 0) return refusal(`it holds several networks. Choose one with --prefix: ${listed}`);
  const some = [...tensors.keys()].slice(0, 5).join(", ");
  return refusal(
    `it holds no network of a known layout (${LAYOUTS.map(({ name }) => name).join(", ")}); its ${tensors.size} tensors begin with ${some}`,
  );
}
