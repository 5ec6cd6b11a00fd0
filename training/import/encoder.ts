// An encoder of a checkpoint in memory, recognised.
import { totalmem } from "node:os";
import type { EncoderInput } from "../../core/model-card.ts";
import { recipeOf } from "../config/recipes.ts";
import type { TrainingConfig } from "../config/schema.ts";
import { settle } from "../config/settle.ts";
import type { StoredTensor } from "../data/safetensors.ts";
import { encoderTensors } from "../network/encoder.ts";
import { isHead } from "../network/heads.ts";
import { encoderInput } from "../views/preprocessing.ts";
import type { Checkpoint } from "./file/checkpoint.ts";
import { type FoundNetwork, findNetwork } from "./homes.ts";
import type { NamedTensors } from "./layouts.ts";
import { fitPositions } from "./positions.ts";
import { recogniseInput } from "./preprocessing.ts";
import { type ArchitectureOptions, checkTensors, recogniseArchitecture } from "./recognise.ts";
import { statedNetwork } from "./stated.ts";

/** An encoder in memory. */
export interface ReadEncoder {
  readonly network: FoundNetwork;
  readonly config: TrainingConfig;
  readonly input: EncoderInput;
  /** By torchvision's names, with the head where it is one of ours. */
  readonly weights: ReadonlyMap<string, StoredTensor>;
  /** Whether the file states its network, as those that were exported here do. */
  readonly isStated: boolean;
}

/** What is known better than it can be recognised. */
export interface RecogniseOptions extends ArchitectureOptions, Partial<Omit<EncoderInput, "width" | "height">> {
  /** What the names of the encoder's tensors begin with. */
  readonly prefix?: string;
  /** Side of its images, pixels. */
  readonly size?: number;
}

/**
 * Recognises an encoder of a checkpoint and reads its weights.
 *
 * @throws AppError `invalid_checkpoint` that names what does not fit, `invalid_configuration`.
 */
export function readEncoder(file: Checkpoint, options: RecogniseOptions): ReadEncoder {
  const network = findNetwork(file, options.prefix);
  const { size, mean, std, fit, stemStride, stemPool, heads } = options;
  const isSet = stemStride !== undefined || stemPool !== undefined || heads !== undefined;
  const stated = isSet ? undefined : statedNetwork(file);
  const architecture = stated?.architecture ?? recogniseArchitecture(network, options);
  const known = stated
    ? encoderInput(stated.imageSize, stated.normalisation)
    : recogniseInput(architecture, network.trainer);
  const input: EncoderInput = {
    ...known,
    ...(size && { width: size, height: size }),
    ...(mean && { mean }),
    ...(std && { std }),
    ...(fit && { fit }),
  };
  const head = projectionOf(network);
  const recipe = recipeOf("moco-v2", { images: 0, side: input.width, device: "cpu", memory: totalmem() });
  const { config } = settle(recipe, {
    architecture,
    imageSize: input.width,
    normalisation: { mean: input.mean, std: input.std },
    ...head,
  });
  const specs = encoderTensors(config).filter(({ name }) => head || !isHead(name));
  const weights = new Map<string, StoredTensor>();
  for (const [name, tensor] of checkTensors(specs, withPositions(network.tensors, config))) {
    weights.set(name, { shape: tensor.shape, data: tensor.read() });
  }
  return { network, config, input, weights, isStated: stated !== undefined };
}

/** The head of MoCo v1 to v3 and the demo, which is ours too; other heads are left behind. */
function projectionOf({ trainer, tensors }: FoundNetwork) {
  const linear = tensors.get("fc.weight")?.shape;
  if ((trainer === "moco-v1" || trainer === "moco-cifar") && linear)
    return { head: "linear", dim: linear[0]! } as const;
  const [hidden, last] = [tensors.get("fc.0.weight")?.shape, tensors.get("fc.2.weight")?.shape];
  if (trainer === "moco-v2" && hidden && last) return { head: "mlp", headWidth: hidden[0]!, dim: last[0]! } as const;
  if (trainer === "moco-v3") {
    let layers = 0;
    while (tensors.has(`fc.${3 * layers}.weight`)) layers++;
    const end = tensors.get(`fc.${3 * (layers - 1)}.weight`)?.shape;
    const isWhole = layers >= 2 && tensors.has(`fc.${3 * layers - 2}.running_var`);
    if (end && hidden && isWhole)
      return { head: "mlp-bn", headLayers: layers, headWidth: hidden[0]!, dim: end[0]! } as const;
  }
  return undefined;
}

/** The tensors of a transformer with the positions of this image size. */
function withPositions(tensors: NamedTensors, { architecture, imageSize }: TrainingConfig): NamedTensors {
  const positions = tensors.get("pos_embed");
  if (architecture.block !== "vit" || !positions) return tensors;
  return new Map([...tensors, ["pos_embed", fitPositions(positions, imageSize / architecture.patch)]]);
}
