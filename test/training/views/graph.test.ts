import assert from "node:assert/strict";
import { createRandom } from "../../../training/data/random.ts";
import { compile, input } from "../../../training/graph/index.ts";
import { allocateViewMatrices, drawView } from "../../../training/views/draw.ts";
import { viewsOf } from "../../../training/views/graph.ts";
import type { ViewRecipe } from "../../../training/views/recipe.ts";

const PLAIN: ViewRecipe = {
  cropScale: [1, 1],
  flip: 0,
  jitter: { probability: 0, brightness: 0, contrast: 0, saturation: 0, hue: 0 },
  grey: 0,
  greyFirst: false,
  blur: { probability: 0, sigma: [0.1, 2] },
};
const SIDE = 16;
const SQUARE = { width: SIDE, height: SIDE };

/** Views of the whole image at its own size; only what the recipe adds differs from the identity. */
function drawn(recipe: Partial<ViewRecipe>, count: number) {
  const random = createRandom(21);
  const out = allocateViewMatrices(count, SIDE, SIDE);
  for (let n = 0; n < count; n++) drawView(random, { ...PLAIN, ...recipe }, { from: SIDE, to: SIDE }, SQUARE, out, n);
  return out;
}

/** Entry [row, column] of matrix n. */
const at = (matrices: Float32Array, n: number, row: number, column: number) =>
  matrices[(n * SIDE + row) * SIDE + column]!;

const bytes = (size: number) => Uint8Array.from({ length: size }, (_, i) => (i * 37 + (i >> 4)) % 256);

async function computed(
  images: Uint8Array,
  from: number,
  to: number,
  matrices: ReturnType<typeof allocateViewMatrices>,
  recipe: ViewRecipe = PLAIN,
) {
  const stored = input("images", [1, from, from, 3], "uint8");
  const normalisation = { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] };
  const graph = await compile(viewsOf(stored, [{ name: "v", size: to, recipe }], normalisation));
  const feeds = Object.fromEntries(Object.entries(matrices).map(([part, values]) => [`v.${part}`, values]));
  const { v } = await graph.run({ images, ...feeds });
  await graph.release();
  return v as Float32Array; // [1, 3, to, to]
}

describe("views in the graph", () => {
  it("mirrors with its probability, columns only", () => {
    const count = 4000;
    const { rows, columns } = drawn({ flip: 0.3 }, count);
    let flipped = 0;
    for (let n = 0; n < count; n++) {
      assert.equal(at(rows, n, 0, 0), 1);
      if (at(columns, n, 0, SIDE - 1) === 1) flipped++;
      else assert.equal(at(columns, n, 0, 0), 1);
    }
    assert.ok(Math.abs(flipped / count - 0.3) < 0.03, `${flipped}`);
  });

  it("blurs with its probability, and its deviation is uniform in its range", () => {
    const count = 4000;
    const { rows, columns } = drawn({ blur: { probability: 0.5, sigma: [0.5, 2] } }, count);
    const middle = SIDE / 2;
    const sigmas: number[] = [];
    for (let n = 0; n < count; n++) {
      if (at(rows, n, middle, middle) === 1) continue;
      // Neighbouring weights of a Gaussian: e^(−1/2σ²).
      const ratio = at(rows, n, middle, middle + 1) / at(rows, n, middle, middle);
      sigmas.push(Math.sqrt(-1 / (2 * Math.log(ratio))));
      assert.ok(Math.abs(at(columns, n, middle + 1, middle) / at(columns, n, middle, middle) - ratio) < 1e-4);
    }
    assert.ok(Math.abs(sigmas.length / count - 0.5) < 0.035, `${sigmas.length}`);
    const mean = sigmas.reduce((a, b) => a + b, 0) / sigmas.length;
    assert.ok(Math.abs(mean - 1.25) < 0.04, `${mean}`);
    assert.ok(Math.min(...sigmas) > 0.499 && Math.max(...sigmas) < 2.001 && Math.max(...sigmas) > 1.98);
  });

  it("solarises with its probability: values from 128 on are turned round", async () => {
    const { solarized } = drawn({ solarize: 0.2 }, 4000);
    const share = solarized.reduce((a, b) => a + b, 0) / 4000;
    assert.ok(Math.abs(share - 0.2) < 0.02, `${share}`);
    const images = bytes(SIDE * SIDE * 3);
    for (const probability of [1, 0]) {
      const recipe = { ...PLAIN, solarize: probability };
      const y = await computed(images, SIDE, SIDE, drawn(recipe, 1), recipe);
      for (let c = 0; c < 3; c++) {
        for (let i = 0; i < SIDE * SIDE; i++) {
          const value = images[i * 3 + c]!;
          const expected = probability === 1 && value >= 128 ? 255 - value : value;
          assert.ok(Math.abs(y[c * SIDE * SIDE + i]! - (expected / 255 - 0.5) / 0.25) < 1e-4, `${value}`);
        }
      }
    }
  });

  it("every output pixel is a weighted mean of input pixels, whatever is drawn", () => {
    const random = createRandom(22);
    const recipe = {
      ...PLAIN,
      cropScale: [0.08, 1] as const,
      flip: 0.5,
      blur: { probability: 0.5, sigma: [0.1, 2] as const },
    };
    const [from, to, count] = [40, 24, 200];
    const out = allocateViewMatrices(count, from, to);
    for (let n = 0; n < count; n++) drawView(random, recipe, { from, to }, { width: 90, height: 50 }, out, n);
    for (let row = 0; row < count * to; row++) {
      const weights = out.rows.subarray(row * from, (row + 1) * from);
      assert.ok(Math.abs(weights.reduce((a, b) => a + b, 0) - 1) < 1e-5, `row ${row}: ${weights}`);
      assert.ok(weights.every((w) => w > -1e-6));
    }
  });

  it("in the graph: an untouched view is the image, normalised", async () => {
    const images = bytes(SIDE * SIDE * 3);
    const y = await computed(images, SIDE, SIDE, drawn({}, 1));
    for (let c = 0; c < 3; c++) {
      for (let i = 0; i < SIDE * SIDE; i++) {
        assert.ok(Math.abs(y[c * SIDE * SIDE + i]! - (images[i * 3 + c]! / 255 - 0.5) / 0.25) < 1e-5);
      }
    }
  });

  it("in the graph: halving is the mean of neighbours with antialiasing, mirrored where drawn", async () => {
    const images = bytes(SIDE * SIDE * 3);
    const out = allocateViewMatrices(1, SIDE, SIDE / 2);
    drawView(createRandom(1), { ...PLAIN, flip: 1 }, { from: SIDE, to: SIDE / 2 }, SQUARE, out, 0);
    const y = await computed(images, SIDE, SIDE / 2, out);
    // Bilinear with support 2: weights 1, 3, 3, 1 of 8 around the centre (PIL's BILINEAR when it reduces).
    const pixel = (row: number, column: number, c: number) => images[(row * SIDE + column) * 3 + c]!;
    const kernel = [1 / 8, 3 / 8, 3 / 8, 1 / 8];
    for (const [row, column, c] of [
      [3, 2, 0],
      [4, 5, 2],
      [2, 4, 1],
    ] as const) {
      let expected = 0;
      kernel.forEach((a, i) => {
        kernel.forEach((b, j) => {
          expected += a * b * pixel(2 * row - 1 + i, 2 * (SIDE / 2 - 1 - column) - 1 + j, c);
        });
      });
      const actual = y[((c * SIDE) / 2) * (SIDE / 2) + row * (SIDE / 2) + column]!;
      assert.ok(Math.abs(actual - (expected / 255 - 0.5) / 0.25) < 1e-4, `${actual} ${expected}`);
    }
  });

  it("in the graph: brightness is limited to white", async () => {
    const images = new Uint8Array(SIDE * SIDE * 3).fill(200);
    const matrices = drawn({}, 1);
    matrices.colour.set([1.5, 0, 0, 0, 1.1, 0, 0, 0, 0.5]);
    const y = await computed(images, SIDE, SIDE, matrices);
    const value = (v: number) => (Math.min(v, 1) - 0.5) / 0.25;
    [1.5, 1.1, 0.5].forEach((factor, c) => {
      assert.ok(Math.abs(y[c * SIDE * SIDE]! - value((factor * 200) / 255)) < 1e-5);
    });
  });
});
