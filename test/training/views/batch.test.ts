import assert from "node:assert/strict";
import { createRandom } from "../../../training/data/random.ts";
import { drawViews } from "../../../training/views/batch.ts";
import { allocateViewMatrices, drawView } from "../../../training/views/draw.ts";
import { runViews, type ViewRecipe, type ViewSpec } from "../../../training/views/recipe.ts";

const RECIPE: ViewRecipe = {
  cropScale: [0.2, 1],
  flip: 0.5,
  jitter: { probability: 0.8, brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 },
  grey: 0.2,
  greyFirst: false,
  blur: { probability: 0.5, sigma: [0.1, 2] },
};
const SMALL: ViewRecipe = { ...RECIPE, cropScale: [0.05, 0.2] };
const STORED = 12;
const DATASET = {
  width: STORED,
  originalWidths: Uint32Array.of(20, 30, 40),
  originalHeights: Uint32Array.of(40, 30, 20),
};

describe("runViews", () => {
  it("are a query and a key, or several small queries and a key", () => {
    const summary = (more: object) =>
      runViews({ imageSize: 32, views: RECIPE, ...more }).map(({ name, size, recipe }) => [
        name,
        size,
        recipe !== "whole" && recipe.cropScale,
      ]);
    const whole = RECIPE.cropScale;
    assert.deepEqual(summary({}), [
      ["query", 32, whole],
      ["key", 32, whole],
    ]);
    const cropScale = [0.1, 0.4];
    assert.deepEqual(summary({ smallQueries: { count: 2, size: 16, cropScale } }), [
      ["query0", 16, cropScale],
      ["query1", 16, cropScale],
      ["key", 32, whole],
    ]);
  });
});

describe("drawViews", () => {
  it("draws views of different sizes and recipes, image by image, under their names", () => {
    const views: ViewSpec[] = [
      { name: "query", size: 8, recipe: RECIPE },
      { name: "key", size: 8, recipe: RECIPE },
      { name: "crop0", size: 5, recipe: SMALL },
      { name: "crop1", size: 5, recipe: SMALL },
    ];
    const feeds = drawViews(createRandom(3), views, DATASET, [2, 0]);

    const random = createRandom(3);
    const sizes = { query: 8, key: 8, crop0: 5, crop1: 5 };
    const expected = Object.entries(sizes).map(
      ([name, size]) => [name, allocateViewMatrices(2, STORED, size), size] as const,
    );
    for (const [n, original] of [
      { width: 40, height: 20 },
      { width: 20, height: 40 },
    ].entries()) {
      for (const [name, matrices, to] of expected) {
        drawView(random, name.startsWith("crop") ? SMALL : RECIPE, { from: STORED, to }, original, matrices, n);
      }
    }
    assert.equal(Object.keys(feeds).length, 20);
    for (const [name, matrices] of expected) {
      for (const [part, values] of Object.entries(matrices)) assert.deepEqual(feeds[`${name}.${part}`], values);
    }
  });

  it("shows a whole image as it is, whatever its shape was, and draws nothing for it", () => {
    const random = createRandom(4);
    const feeds = drawViews(random, [{ name: "view", size: STORED, recipe: "whole" }], DATASET, [0, 1]);
    const identity = Float32Array.from({ length: 2 * STORED ** 2 }, (_, i) =>
      i % STORED === Math.floor(i / STORED) % STORED ? 1 : 0,
    );
    assert.deepEqual(feeds["view.rows"], identity);
    assert.deepEqual(feeds["view.columns"], identity);
    assert.deepEqual(random.state(), createRandom(4).state());
  });
});
