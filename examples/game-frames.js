// MoCo on the frames of a game, with random crops as its only augmentation, as CURL has it (Laskin et al., "CURL:
// Contrastive Unsupervised Representations for Reinforcement Learning", arXiv 2004.04136). The game is below: a ball
// between walls and a paddle that follows it, in changing light, with noise and specks. Nobody tells the encoder where
// ball and paddle are. A linear probe asks how much of that its features know, on frames of games that it has not seen,
// beside the untrained network and the raw pixels.
//
//   node game-frames.js [--steps <n>] [--quick]
import { parseArgs } from "node:util";
import { linear, relu, reshapeItems } from "moco-search/graph";
import { createLearner, createRandom, learningRateAt, projectionHead, sgd } from "moco-search/moco";

const { values: flags } = parseArgs({ options: { steps: { type: "string" }, quick: { type: "boolean" } } });
const steps = Number(flags.steps ?? (flags.quick ? 10 : 3000));
const [frames, probed, tested] = flags.quick ? [512, 256, 128] : [16384, 2048, 1024];
const [SIDE, CROP, LEFT, RIGHT] = [28, 24, 4, 23]; // pixels: a frame, a view of it, and the columns and rows of the walls
const [B, K, D] = [128, 4096, 128];
const random = createRandom(1);

/** `count` frames of games of 64 frames each: pixels [count, SIDE²], and what is to be known of each. */
function play(count) {
  const pixels = new Float32Array(count * SIDE * SIDE);
  const truth = { "ball x": [], "ball y": [], "paddle x": [] };
  const inside = (v, size) => Math.min(Math.max(v, LEFT + 1), RIGHT - size);
  let ball, paddle;
  for (let n = 0; n < count; n++) {
    if (n % 64 === 0) {
      const place = () => random.uniform(LEFT + 1, RIGHT - 2);
      ball = { x: place(), y: place(), dx: random.uniform(-1.5, 1.5), dy: random.uniform(0.5, 1.5) };
      paddle = place();
    }
    for (const axis of ["x", "y"]) {
      const next = ball[axis] + ball[`d${axis}`];
      ball[axis] = inside(next, 2);
      if (next !== ball[axis]) ball[`d${axis}`] *= -1;
    }
    paddle = inside(paddle + Math.sign(ball.x - paddle) * random.uniform(-0.5, 1) + random.normal(), 5);
    draw(pixels.subarray(n * SIDE * SIDE, (n + 1) * SIDE * SIDE), ball, paddle);
    for (const [name, value] of Object.entries({ "ball x": ball.x, "ball y": ball.y, "paddle x": paddle }))
      truth[name].push(value);
  }
  return { pixels, truth, count };
}

function draw(frame, ball, paddle) {
  const [dark, light] = [random.uniform(-1, 0), random.uniform(0.4, 1.4)];
  const box = (x, y, width, height, value) => {
    for (let i = 0; i < width * height; i++) {
      frame[(Math.round(y) + Math.floor(i / width)) * SIDE + Math.round(x) + (i % width)] = dark + light * value;
    }
  };
  box(0, 0, SIDE, SIDE, 0);
  for (let n = 0; n < 12; n++) box(random.integer(SIDE), random.integer(SIDE), 1, 1, random.uniform());
  for (const wall of [LEFT, RIGHT]) {
    box(wall, LEFT, 1, RIGHT - LEFT + 1, 0.5);
    box(LEFT, wall, RIGHT - LEFT + 1, 1, 0.5);
  }
  box(paddle, RIGHT - 2, 5, 1, 1);
  box(ball.x, ball.y, 2, 2, 1);
  for (let i = 0; i < frame.length; i++) frame[i] += 0.1 * random.normal();
}

/** The frames at `indices`, each cropped where `offset` says: [N, CROP²]. */
function crops({ pixels }, indices, offset) {
  const out = new Float32Array(indices.length * CROP * CROP);
  indices.forEach((index, n) => {
    const [left, top] = [offset(), offset()];
    for (let y = 0; y < CROP; y++) {
      const start = index * SIDE * SIDE + (top + y) * SIDE + left;
      out.set(pixels.subarray(start, start + CROP), (n * CROP + y) * CROP);
    }
  });
  return out;
}

/** [N, 1, CROP, CROP] → [N, D]: two convolutions of stride 2, and a layer that still sees where things are. */
function features(x, scope) {
  let y = x;
  for (const [n, channels] of [16, 32].entries())
    y = relu(scope.convNorm(y, { conv: `conv${n}`, norm: `norm${n}` }, { channels, kernel: 3, stride: 2 }));
  const flat = reshapeItems(y, [32 * (CROP / 4) ** 2]);
  const init = { uniformFanIn: flat.shape[1] };
  return linear(flat, scope.parameter("weight", [D, flat.shape[1]], init), scope.parameter("bias", [D], init));
}
const f = (x, scope) => projectionHead(relu(features(x, scope)), scope, { head: "mlp", dim: D });

const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
const dot = (a, b) => a.reduce((sum, v, i) => sum + v * b[i], 0);

/** Ridge regression of `target` on as many `rows` of features, by conjugate gradients → weights. */
function ridge(rows, target, penalty) {
  const projected = (of) => {
    const out = new Float64Array(rows[0].length); // Xᵀ · of(row, n)
    for (const [n, row] of rows.entries()) {
      const factor = of(row, n);
      for (let i = 0; i < row.length; i++) out[i] += factor * row[i];
    }
    return out;
  };
  let residual = projected((_, n) => target[n]);
  let direction = residual;
  let w = residual.map(() => 0);
  for (let step = 0; step < 100; step++) {
    const product = projected((row) => dot(row, direction)).map((v, i) => v + penalty * direction[i]);
    const before = dot(residual, residual);
    const size = before / dot(direction, product);
    w = w.map((v, i) => v + size * direction[i]);
    residual = residual.map((v, i) => v - size * product[i]);
    const after = dot(residual, residual);
    if (after < 1e-6) break;
    direction = residual.map((v, i) => v + (after / before) * direction[i]);
  }
  return w;
}

/** R² of each variable by a linear probe on features [N, d]. A quarter of the labelled frames chooses its penalty. */
function probe(labelled, held, known, wanted) {
  const d = labelled.length / probed;
  const centre = new Float64Array(d);
  labelled.forEach((v, at) => {
    centre[at % d] += v / probed;
  });
  const rows = (x) =>
    Array.from({ length: x.length / d }, (_, n) => Float64Array.from(centre, (c, i) => x[n * d + i] - c));
  const fitted = 0.75 * probed;
  const [x, test] = [rows(labelled), rows(held)];
  return Object.keys(known).map((name) => {
    const middle = mean(known[name].slice(0, fitted));
    const target = known[name].map((v) => v - middle);
    const r2 = (w, x, truth) => {
      const own = mean(truth);
      const missed = truth.map((v, n) => (v - middle - dot(x[n], w)) ** 2);
      return 1 - mean(missed) / mean(truth.map((v) => (v - own) ** 2));
    };
    const best = [0.1, 1, 10, 100, 1000]
      .map((penalty) => ridge(x.slice(0, fitted), target, penalty))
      .map((w) => ({ w, quality: r2(w, x.slice(fitted), known[name].slice(fitted)) }))
      .reduce((a, b) => (b.quality > a.quality ? b : a));
    return r2(best.w, test, wanted[name]);
  });
}

const [seen, labelled, held] = [play(frames), play(probed), play(tested)];
const optimizer = sgd({ momentum: 0.9, weightDecay: 1e-4 });
const learner = await createLearner(f, [1, CROP, CROP], { B, K, m: 0.99, T: 0.1, dim: D, optimizer, threads: 1 });

const middle = ({ count, ...game }) => crops(game, [...Array(count).keys()], () => (SIDE - CROP) / 2);
const rows = {};
const measure = async (name, of) => {
  rows[name] = probe(await of(middle(labelled), probed), await of(middle(held), tested), labelled.truth, held.truth);
};
const encoded = async (x, count) => (await learner.encoder(features, count))(x);
await measure("raw pixels", (x) => x);
await measure("untrained network", encoded);
for (let step = 0; step < steps; step++) {
  const batch = Array.from({ length: B }, () => random.integer(frames));
  const view = () => crops(seen, batch, () => random.integer(SIDE - CROP + 1));
  const rate = learningRateAt(step / steps, 0.05, { kind: "cosine", warmup: 0.05 });
  const { loss, accuracy } = await learner.step(view(), view(), rate);
  if ((step + 1) % 500 === 0)
    console.error(`step ${step + 1}: loss ${loss.toFixed(2)}, keys found ${accuracy.toFixed(2)}`);
}
await measure("MoCo", encoded);
await learner.release();

console.log(`R² on ${tested} frames of games not seen, after ${steps} steps`);
console.log(["".padEnd(18), ...Object.keys(held.truth).map((name) => name.padStart(11))].join(""));
for (const [name, values] of Object.entries(rows))
  console.log(name.padEnd(18) + values.map((v) => v.toFixed(3).padStart(11)).join(""));
