import assert from "node:assert/strict";
import { resizePixels } from "../../../core/decode.ts";
import type { EncoderSession } from "../../../core/encoder-session.ts";
import { openEncoder } from "../../../core/encoder-session.ts";
import type { EncoderInput } from "../../../core/model-card.ts";
import { readModel } from "../../../core/model-folder.ts";
import { packageRoot } from "../../../core/paths.ts";
import { dot, normalised } from "../../../core/vector.ts";
import { cutCrops, joinCells, planCut } from "../../../server/shapes/crops.ts";
import { areaOf, boxOf } from "../../../server/shapes/mask.ts";
import { embedRegion } from "../../../server/shapes/region.ts";
import { see as lookAt } from "../../../server/shapes/see.ts";
import { type SeenPicture, segment } from "../../../server/shapes/segment.ts";
import { mulberry32 } from "../../../support/tiny-model.ts";

type Colour = readonly [number, number, number];

/** Discs on a ground that turns darker downwards, all with noise. */
interface Discs {
  readonly width: number;
  readonly height: number;
  readonly ground: Colour;
  readonly discs: ReadonlyArray<{
    readonly x: number;
    readonly y: number;
    readonly radius: number;
    readonly colour: Colour;
  }>;
}

const isIn = ({ x, y, radius }: { x: number; y: number; radius: number }, px: number, py: number) =>
  Math.hypot(px - x, py - y) < radius;

function draw({ width, height, ground, discs }: Discs): Uint8Array {
  const random = mulberry32(5);
  return Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const [px, py] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
    const colour = discs.find((disc) => isIn(disc, px, py))?.colour ?? ground.map((v) => v - (40 * py) / height);
    return Math.min(Math.max(colour[i % 3]! + 30 * (random() - 0.5), 0), 255);
  });
}

describe("segment", () => {
  let encoder: EncoderSession;
  before(async () => {
    encoder = await openEncoder(await readModel(`${packageRoot()}/models`, "default"), { threads: 1 });
  });
  after(() => encoder.close());

  const see = async (picture: Discs): Promise<SeenPicture> => {
    const { width, height } = picture;
    const cut = planCut(picture, encoder.card.input);
    const shape = { width: cut.width, height: cut.height, fit: "fill" } as const;
    const pixels = await resizePixels(draw(picture), { width, height, channels: 3 }, shape);
    return lookAt(encoder, { pixels, displayed: { width, height } });
  };
  const at = ({ width, height }: Discs, { x, y }: { x: number; y: number }) => ({ x: x / width, y: y / height });

  const red = { x: 150, y: 160, radius: 70, colour: [200, 60, 50] } as const;
  const green = { x: 400, y: 200, radius: 90, colour: [60, 160, 70] } as const;
  const yellow = { x: 100, y: 300, radius: 50, colour: [230, 220, 60] } as const;
  const pictures: Record<string, Discs> = {
    "a red disc": { width: 400, height: 300, ground: [90, 120, 140], discs: [red] },
    "a green disc in a larger picture": { width: 640, height: 480, ground: [150, 140, 130], discs: [green] },
    "a yellow disc in an upright picture": { width: 300, height: 400, ground: [40, 60, 140], discs: [yellow] },
  };
  for (const [name, picture] of Object.entries(pictures)) {
    it(`finds ${name} by the default encoder: IoU above 0.8`, async () => {
      const [disc] = picture.discs;
      const mask = segment(await see(picture), { inside: [at(picture, disc!)], outside: [] });
      assert.equal(Math.max(mask.width, mask.height), 128);
      let [both, either] = [0, 0];
      for (const [i, value] of mask.inside.entries()) {
        const px = ((i % mask.width) + 0.5) * (picture.width / mask.width);
        const py = (Math.floor(i / mask.width) + 0.5) * (picture.height / mask.height);
        const expected = isIn(disc!, px, py);
        if (expected && value) both++;
        if (expected || value) either++;
      }
      assert.ok(both / either > 0.8, `IoU ${both / either}`);
      const box = boxOf(mask, picture);
      for (const [side, middle] of [["width", "x"] as const, ["height", "y"] as const]) {
        assert.ok(Math.abs(box[middle] + box[side] / 2 - disc![middle]) < 12, `${middle} of ${JSON.stringify(box)}`);
        assert.ok(Math.abs(box[side] - 2 * disc!.radius) < 24, `${side} of ${JSON.stringify(box)}`);
      }
      const expectedArea = (Math.PI * disc!.radius ** 2) / (picture.width * picture.height);
      assert.ok(Math.abs(areaOf(mask) / expectedArea - 1) < 0.2);
    });
  }

  const two: Discs = {
    width: 400,
    height: 300,
    ground: [90, 120, 140],
    discs: [
      { x: 110, y: 150, radius: 60, colour: [200, 60, 50] },
      { x: 290, y: 150, radius: 60, colour: [200, 60, 50] },
    ],
  };

  it("takes in a second point, and leaves out what is like a point beside the thing", async () => {
    const seen = await see(two);
    const [left, right] = two.discs.map((disc) => at(two, disc)) as [
      { x: number; y: number },
      { x: number; y: number },
    ];
    const isInside = (mask: ReturnType<typeof segment>, { x, y }: { x: number; y: number }) =>
      mask.inside[Math.floor(y * mask.height) * mask.width + Math.floor(x * mask.width)] === 1;
    const one = segment(seen, { inside: [left], outside: [] });
    assert.deepEqual([isInside(one, left), isInside(one, right)], [true, false]);
    const both = segment(seen, { inside: [left, right], outside: [] });
    assert.deepEqual([isInside(both, left), isInside(both, right)], [true, true]);
    const ground = { x: 0.5, y: 0.1 };
    assert.ok(!isInside(segment(seen, { inside: [left], outside: [ground] }), ground));
  });

  it("embeds the shape: two equal discs are like each other, more than like the ground", async () => {
    const seen = await see(two);
    const embed = (point: { x: number; y: number }) =>
      embedRegion(seen.cells, segment(seen, { inside: [point], outside: [] }));
    const [left, right] = two.discs.map((disc) => embed(at(two, disc))) as [Float32Array, Float32Array];
    const ground = embed({ x: 0.5, y: 0.05 });
    assert.ok(dot(left, right) > 0.9 && dot(left, right) > dot(left, ground) + 0.2, `${dot(left, right)}`);
  });

  it("finds something in a picture of one colour, and at the border of a very long one", async () => {
    for (const [width, height] of [
      [40, 30],
      [900, 20],
      [1, 1],
    ] as const) {
      const plain: Discs = { width, height, ground: [120, 120, 120], discs: [] };
      const mask = segment(await see(plain), { inside: [{ x: 1, y: 1 }], outside: [] });
      assert.equal(mask.inside.at(-1), 1);
      assert.ok(
        Math.abs(mask.width / mask.height - width / height) <= width / height / 2,
        `${mask.width}×${mask.height}`,
      );
    }
  });
});

describe("joinCells", () => {
  const input: EncoderInput = { width: 64, height: 64, fit: "cover", mean: [0, 0, 0], std: [1, 1, 1] };

  it("lays the cells of crops on the grid of the picture: what each says of its place stays there", () => {
    for (const [width, height, side] of [
      [400, 300, 8],
      [300, 400, 7],
      [1000, 30, 8],
      [64, 64, 1],
    ] as const) {
      const cut = planCut({ width, height }, input);
      assert.ok(cut.columns.length <= 7 && cut.rows.length <= 7);
      assert.equal(cut.columns.at(-1)! + 64, cut.width);
      // Each cell says where its centre lies in the picture, 0..1.
      const vectors = cut.rows.flatMap((top) =>
        cut.columns.flatMap((left) =>
          Array.from({ length: side * side }, (_, i) => [
            (left + (((i % side) + 0.5) * 64) / side) / cut.width,
            (top + ((Math.floor(i / side) + 0.5) * 64) / side) / cut.height,
          ]).flat(),
        ),
      );
      const grid = joinCells([{ width: side, height: side, vectors: Float32Array.from(vectors) }], cut);
      assert.equal(grid.vectors.length, grid.width * grid.height * 2);
      for (let i = 0; i < grid.width * grid.height; i++) {
        const [x, y] = [((i % grid.width) + 0.5) / grid.width, (Math.floor(i / grid.width) + 0.5) / grid.height];
        const apart = Math.hypot(x - grid.vectors[2 * i]!, y - grid.vectors[2 * i + 1]!);
        assert.ok(apart < 0.51 / Math.min(grid.width, grid.height), `cell ${i} of ${width}×${height}: ${apart}`);
      }
    }
  });

  it("cuts crops that lie where they are said to", () => {
    const cut = planCut({ width: 400, height: 300 }, input);
    const pixels = Uint8Array.from(
      { length: cut.width * cut.height * 3 },
      (_, i) => Math.floor(i / 3 / cut.width) + (Math.floor(i / 3) % cut.width) * 3,
    );
    const crops = cutCrops(pixels, cut);
    const [left, top] = [cut.columns[2]!, cut.rows[1]!];
    const crop = cut.columns.length + 2;
    for (const [x, y] of [
      [0, 0],
      [63, 0],
      [5, 60],
    ] as const) {
      assert.equal(crops[((crop * 64 + y) * 64 + x) * 3], pixels[((top + y) * cut.width + left + x) * 3]);
    }
  });
});

describe("embedRegion", () => {
  it("is the mean of the cells under the mask, each by its share", () => {
    const cells = { width: 2, height: 1, vectors: Float32Array.of(1, 0, 0, 1) };
    const masked = (...inside: number[]) =>
      embedRegion(cells, { width: 4, height: 1, inside: Uint8Array.from(inside) });
    assert.deepEqual(masked(1, 0, 0, 0), Float32Array.of(1, 0));
    assert.deepEqual(masked(1, 1, 0, 1), normalised(Float32Array.of(2, 1)));
  });
});
