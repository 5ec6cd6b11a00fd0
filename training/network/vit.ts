// Vision transformers (Dosovitskiy et al. 2021, arXiv 2010.11929) with timm's tensor names, as MoCo v3, DINO and DINOv2
// have them: patches become tokens, a class token joins them, and what it has become is the image's features.
import {
  add,
  concat,
  conv2d,
  gelu,
  layerNorm,
  matmul,
  mul,
  pad,
  reshapeItems,
  scalar,
  slice,
  softmax,
  type Tensor,
  transpose,
} from "../graph/index.ts";
import type { Scope } from "./scope.ts";

/** One vision transformer. */
export interface ViTConfig {
  readonly block: "vit";
  /** Length D of a token, in a list of its own. */
  readonly widths: readonly number[];
  /** Blocks, in a list of its own. */
  readonly depths: readonly number[];
  /** Heads of the attention; they divide D. */
  readonly heads: number;
  /** Side of a patch, pixels; it divides the image's. */
  readonly patch: number;
  /** Width of the hidden layer of a block. */
  readonly hidden: number;
  /** Each branch of a block is scaled by a learned number for each channel, as in DINOv2. */
  readonly layerScale: boolean;
  /** Whether the tokens' places are learned or fixed sines and cosines, as in MoCo v3. @default "learned" */
  readonly positions?: "learned" | "sin-cos" | undefined;
  /** The projection of patches stays as it began: MoCo v3 (arXiv 2104.02057, section 4.3), for a stable training. */
  readonly frozenPatches?: boolean | undefined;
}

const EPSILON = 1e-6;
/** First values as in MoCo v3's code. */
const CLASS_TOKEN = { deviation: 1e-6 } as const;
const LEARNED_POSITIONS = { deviation: 0.02 } as const;

/** x [N, 3, S, S] → features [N, D]: the class token after the last norm. */
export function vit(x: Tensor, scope: Scope, config: ViTConfig): Tensor {
  const { patch } = config;
  const D = config.widths[0]!;
  const [, , height, width] = x.shape as [number, number, number, number];
  if (height % patch !== 0 || width % patch !== 0) {
    throw new RangeError(`vit: patches of ${patch} pixels do not tile images of ${height}×${width}`);
  }
  const T = (height / patch) * (width / patch);
  const ofPatches = config.frozenPatches ? scope.fixed : scope.parameter;
  const weight = ofPatches("patch_embed.proj.weight", [D, 3, patch, patch], { glorotFans: 3 * patch ** 2 + D });
  const bias = ofPatches("patch_embed.proj.bias", [D], "zeros");
  const patches = transpose(reshapeItems(conv2d(x, weight, { stride: patch }, bias), [D, T]), [0, 2, 1]); // [N, T, D]
  const classToken = scope.parameter("cls_token", [1, 1, D], CLASS_TOKEN);
  const positions =
    config.positions === "sin-cos"
      ? scope.fixed("pos_embed", [1, T + 1, D], "sin-cos")
      : scope.parameter("pos_embed", [1, T + 1, D], LEARNED_POSITIONS);
  // The class token is the same for all images, so it comes in with the positions, at a row of zeros.
  const first = concat([add(classToken, slice(positions, 1, 0, 1)), slice(positions, 1, 1, T + 1)], 1);
  let y = add(pad(patches, [0, 1, 0], [0, 0, 0]), first); // [N, 1 + T, D]
  for (let n = 0; n < config.depths[0]!; n++) y = transformerBlock(y, scope, `blocks.${n}`, config);
  return reshapeItems(norm(slice(y, 1, 0, 1), scope, "norm"), [D]);
}

function transformerBlock(x: Tensor, scope: Scope, name: string, { heads, hidden, layerScale }: ViTConfig): Tensor {
  const D = x.shape[2]!;
  const branch = (t: Tensor, n: number) =>
    layerScale ? mul(t, scope.parameter(`${name}.ls${n}.gamma`, [D], "ones")) : t;
  const y = add(x, branch(attention(norm(x, scope, `${name}.norm1`), scope, `${name}.attn`, heads), 1));
  const inner = gelu(dense(norm(y, scope, `${name}.norm2`), scope, `${name}.mlp.fc1`, hidden));
  return add(y, branch(dense(inner, scope, `${name}.mlp.fc2`, D), 2));
}

/** Every token asks every other: softmax(q·kᵀ/√d)·v for each head of d = D / heads channels. */
function attention(x: Tensor, scope: Scope, name: string, heads: number): Tensor {
  const [, T, D] = x.shape as [number, number, number];
  const d = D / heads;
  const all = dense(x, scope, `${name}.qkv`, 3 * D, 2 * D); // three layers side by side
  const part = (n: number) => reshapeItems(slice(all, 2, n * D, (n + 1) * D), [T, heads, d]);
  const q = transpose(part(0), [0, 2, 1, 3]); // [N, heads, T, d]
  const kTransposed = transpose(part(1), [0, 2, 3, 1]); // [N, heads, d, T]
  const v = transpose(part(2), [0, 2, 1, 3]);
  const weights = softmax(mul(matmul(q, kTransposed), scalar(1 / Math.sqrt(d)))); // [N, heads, T, T]
  const joined = reshapeItems(transpose(matmul(weights, v), [0, 2, 1, 3]), [T, D]);
  return dense(joined, scope, `${name}.proj`, D);
}

/** A linear layer on every token: [N, T, I] → [N, T, outputs]. `glorotFans` is of one layer. */
function dense(x: Tensor, scope: Scope, name: string, outputs: number, glorotFans = x.shape[2]! + outputs): Tensor {
  const weight = scope.parameter(`${name}.weight`, [outputs, x.shape[2]!], { glorotFans });
  return add(matmul(x, transpose(weight, [1, 0])), scope.parameter(`${name}.bias`, [outputs], "zeros"));
}

function norm(x: Tensor, scope: Scope, name: string): Tensor {
  const D = x.shape[2]!;
  const weight = scope.parameter(`${name}.weight`, [D], "ones");
  return layerNorm(x, weight, scope.parameter(`${name}.bias`, [D], "zeros"), EPSILON);
}
