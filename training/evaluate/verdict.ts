// What the measures of the epochs so far mean, in plain words.
import { percent } from "../../core/percent.ts";

/** What a verdict is given on: measures at the end of an epoch. */
export interface EpochMetrics {
  /** Mean InfoNCE loss of the epoch. */
  readonly loss: number;
  /** Share of queries that are nearer to their own key than to every negative, 0..1. */
  readonly contrastiveAccuracy: number;
  /** The same with the batch norm's running statistics, where it was measured. */
  readonly evaluationAccuracy?: number | undefined;
  /** `spread` of embedding-health.ts. */
  readonly spread: number;
  /** `effectiveRank` of embedding-health.ts. */
  readonly effectiveRank: number;
  /** D: length of the embeddings that `spread` and `effectiveRank` were measured on. */
  readonly dimensions: number;
  /** K: number of negative keys. */
  readonly queueSize: number;
  /** N: images in the collection. */
  readonly images: number;
  /** Images seen from the start of training to the end of this epoch, and to its beginning. */
  readonly imagesSeen: number;
  readonly imagesSeenBefore: number;
  /** kNN top-1, 0..1, where there are labels. */
  readonly knn?: number | undefined;
}

/** The states that training can be in. */
type TrainingState =
  | "diverged"
  | "queue too large"
  | "queue filling"
  | "collapsed"
  | "batch-norm leak"
  | "too easy"
  | "stalled"
  | "learning";

/** A verdict, to be shown as it is. */
export interface Verdict {
  readonly state: TrainingState;
  /** One or two sentences: what is seen, what it means, what to do. */
  readonly message: string;
}

/** Epochs over which neither loss nor kNN improves before training counts as stalled. */
const PATIENCE = 4;

/**
 * Judges the last epoch of `history` by its measures and those of the epochs before.
 *
 * @param history Metrics of each epoch from the first on; at least one.
 */
export function verdict(history: readonly EpochMetrics[]): Verdict {
  const now = history.at(-1);
  if (!now) throw new RangeError("Expected the metrics of at least one epoch but received none");
  return (
    diverged(now) ??
    queueTooLarge(now) ??
    queueFilling(now) ??
    collapsed(now) ??
    batchNormLeak(now, history) ??
    tooEasy(now) ??
    stalled(filled(history)) ??
    learning(now, filled(history))
  );
}

function diverged({ loss, spread, effectiveRank }: EpochMetrics): Verdict | undefined {
  if ([loss, spread, effectiveRank].every(Number.isFinite)) return undefined;
  return {
    state: "diverged",
    message: `diverged: the loss is ${loss}. Resume from an earlier checkpoint with a lower learning rate, or start with a warm-up.`,
  };
}

function queueTooLarge({ queueSize, images }: EpochMetrics): Verdict | undefined {
  if (queueSize <= images / 2) return undefined;
  return {
    state: "queue too large",
    message:
      `queue too large: its ${queueSize} keys are ${(queueSize / images).toFixed(1)} epochs of ${images} images, so images are ` +
      `pushed away from their own earlier keys and many keys are stale. Try a queue of about ${powerOfTwoBelow(images / 10)}.`,
  };
}

function queueFilling(now: EpochMetrics): Verdict | undefined {
  if (now.imagesSeenBefore >= now.queueSize) return undefined;
  const filled = now.imagesSeen / now.queueSize;
  const share = filled < 1 ? percent(filled) : "full since this epoch";
  return {
    state: "queue filling",
    message: `queue filling (${share}): noise in it is replaced by real keys, which are harder to tell apart, so a rise of the loss is expected.`,
  };
}

function collapsed({ spread, effectiveRank, dimensions }: EpochMetrics): Verdict | undefined {
  const remedy = "Try a lower learning rate, a key momentum nearer 1 (.99 or .999) or a higher temperature.";
  if (spread < 0.1) {
    return {
      state: "collapsed",
      message: `collapsed: nearly all embeddings are the same (spread ${spread.toFixed(2)}, healthy is near 1). Check that the images are not all alike. ${remedy}`,
    };
  }
  if (effectiveRank < dimensions / 32) {
    return {
      state: "collapsed",
      message: `collapsed: the embeddings use about ${effectiveRank.toFixed(1)} of ${dimensions} dimensions. ${remedy}`,
    };
  }
  return undefined;
}

function batchNormLeak(now: EpochMetrics, history: readonly EpochMetrics[]): Verdict | undefined {
  if (now.contrastiveAccuracy < 0.95) return undefined;
  const bestKnn = Math.max(...history.map(({ knn }) => knn ?? Number.NEGATIVE_INFINITY));
  const knnFell = now.knn !== undefined && now.knn < bestKnn - 0.02;
  const held = now.evaluationAccuracy;
  const failsHeld = held !== undefined && held < now.contrastiveAccuracy - 0.3;
  if (!knnFell && !failsHeld) return undefined;
  const witness = knnFell
    ? `kNN falls (${percent(now.knn!)} from ${percent(bestKnn)})`
    : `it is ${percent(held!)} with running statistics`;
  return {
    state: "batch-norm leak",
    message: `batch-norm leak: contrastive accuracy is ${percent(now.contrastiveAccuracy)} while ${witness}. Query and key recognise each other by the statistics of their batch: turn shuffled BN on, or use more BN groups.`,
  };
}

function tooEasy({ contrastiveAccuracy, queueSize }: EpochMetrics): Verdict | undefined {
  if (contrastiveAccuracy < 0.99) return undefined;
  return {
    state: "too easy",
    message: `too easy: ${percent(contrastiveAccuracy)} of the queries find their key among ${queueSize} negatives, so little is left to learn. Use stronger views or a larger queue, and check that shuffled BN is on.`,
  };
}

function stalled(history: readonly EpochMetrics[]): Verdict | undefined {
  const [start, ...since] = history.slice(-PATIENCE - 1);
  if (!start || since.length < PATIENCE) return undefined;
  const lossFell = since.some(({ loss }) => loss < start.loss * 0.995);
  const knnRose = since.some(({ knn }) => knn !== undefined && knn > (start.knn ?? 0) + 0.005);
  if (lossFell || knnRose) return undefined;
  const measures = start.knn === undefined ? "the loss has not fallen" : "the loss has not fallen nor kNN risen";
  return {
    state: "stalled",
    message: `stalled: ${measures} for ${PATIENCE} epochs. Early in training try another learning rate; late in it, the recipe has given what it can.`,
  };
}

function learning(now: EpochMetrics, history: readonly EpochMetrics[]): Verdict {
  const before = history.at(-2);
  const seen = [
    before ? `loss ${before.loss.toFixed(2)} → ${now.loss.toFixed(2)}` : `loss ${now.loss.toFixed(2)}`,
    `${percent(now.contrastiveAccuracy)} find their key`,
    `${now.effectiveRank.toFixed(0)} of ${now.dimensions} dimensions used`,
    now.knn === undefined ? [] : `kNN ${percent(now.knn)}`,
  ];
  return { state: "learning", message: `learning: ${seen.flat().join(", ")}.` };
}

/** The epochs that began with a full queue. Earlier losses cannot be compared with theirs. */
function filled(history: readonly EpochMetrics[]): readonly EpochMetrics[] {
  return history.filter(({ queueSize, imagesSeenBefore }) => imagesSeenBefore >= queueSize);
}

function powerOfTwoBelow(value: number): number {
  return 2 ** Math.max(4, Math.floor(Math.log2(value)));
}
