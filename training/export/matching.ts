// What should not matter in a search: how views of one image differ, and how an image differs from those most like it.
// Whitening that evens these out ("learned whitening": Mikolajczyk and Matas, "Improving descriptors for fast tree
// matching by optimal linear projection", ICCV 2007; Radenović et al., arXiv 1604.02426) takes pairs that are known to
// match; here nobody has to know any.
import { largest } from "../../core/vector.ts";
import { compareAll } from "../evaluate/similarities.ts";
import { compile, gemm, input } from "../graph/index.ts";
import { fitWhitening, type WhiteningOptions, whiten } from "./whitening.ts";

/** Neighbours of an image. Two images that are each among the other's match. */
const NEIGHBOURS = 10;
/** Images for each neighbour: of a small collection fewer are alike. */
const IMAGES_FOR_NEIGHBOUR = 50;
/** How much neighbours count beside views: where few of them are of one kind they mislead. */
const NEIGHBOURS_SHARE = 0.5;
/** What images are compared by to find those that are alike. */
const FIRST_WHITENING: WhiteningOptions = { dimensions: 256, strength: 0.5 };

/**
 * Covariance [F, F] of the differences of rows that match, in a unit of its own.
 *
 * @param whole Features [N, F] of images.
 * @param views Features of views of them, all N in order, once or several times. Their differences overwrite them.
 * @param threads Of the engine. 0: every core.
 */
export async function matchingCovariance(
  whole: Float32Array,
  views: Float32Array,
  F: number,
  threads: number,
): Promise<Float32Array> {
  for (let i = 0; i < views.length; i++) views[i]! -= whole[i % whole.length]!;
  const ofViews = await scatter(views, views, F, threads);
  const first = await fitWhitening(whole, F, FIRST_WHITENING, { threads });
  const sums = await neighbourDifferences(whole, await whiten(whole, first, threads), F);
  if (!sums) return ofViews;
  const ofNeighbours = await scatter(whole, sums, F, threads);
  return ofViews.map((value, i) => value + NEIGHBOURS_SHARE * ofNeighbours[i]!);
}

/**
 * For each row of features [N, F] the sum of its differences from rows like it: each among the nearest of the other, by
 * embeddings [N, D] of unit norm. Σ (x − y)(x − y)ᵀ over all such pairs is Σ x lᵀ over the rows, l these sums.
 *
 * @returns undefined where there are too few rows.
 */
async function neighbourDifferences(
  features: Float32Array,
  embeddings: Float32Array,
  F: number,
): Promise<Float32Array | undefined> {
  const N = features.length / F;
  const k = Math.min(NEIGHBOURS, Math.floor(N / IMAGES_FOR_NEIGHBOUR));
  const pairs = k > 0 ? await mutualNeighbours(embeddings, N, k) : [];
  if (pairs.length === 0) return undefined;
  const sums = new Float32Array(features.length);
  for (const [i, j] of pairs) {
    for (let f = 0; f < F; f++) {
      const difference = features[i * F + f]! - features[j * F + f]!;
      sums[i * F + f]! += difference;
      sums[j * F + f]! -= difference;
    }
  }
  return sums;
}

/** Pairs i < j of rows that are each among the k nearest others of the other. */
async function mutualNeighbours(embeddings: Float32Array, N: number, k: number): Promise<Array<[number, number]>> {
  const nearest: Array<ReadonlySet<number>> = [];
  const rows = { embeddings, labels: Array<string>(N).fill("") };
  await compareAll(rows, rows, (query, similarities) => {
    nearest[query] = new Set(largest(similarities, k).map(({ index }) => index));
  });
  return nearest.flatMap((others, i) =>
    [...others].filter((j) => i < j && nearest[j]!.has(i)).map((j): [number, number] => [i, j]),
  );
}

/** aᵀ b [F, F] of a and b [N, F], divided by its trace; zeros stay zeros. */
async function scatter(a: Float32Array, b: Float32Array, F: number, threads: number): Promise<Float32Array> {
  const shape = [a.length / F, F];
  const graph = await compile({ sum: gemm(input("a", shape), input("b", shape), { transA: true }) }, { threads });
  const sum = (await graph.run({ a, b })).sum as Float32Array;
  await graph.release();
  let trace = 0;
  for (let f = 0; f < F; f++) trace += sum[f * F + f]!;
  return trace > 0 ? sum.map((value) => value / trace) : sum;
}
