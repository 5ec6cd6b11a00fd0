import assert from "node:assert/strict";
import { createRandom, type Random } from "../../../training/data/random.ts";
import { type Colour, drawColour } from "../../../training/views/colour.ts";

type Pixel = readonly [number, number, number];

const NONE = { probability: 1, brightness: 0, contrast: 0, saturation: 0, hue: 0 };
const IMAGE: readonly Pixel[] = [
  [0.2, 0.4, 0.6],
  [0.8, 0.5, 0.1],
  [0.3, 0.3, 0.3],
];

const grey = ([r, g, b]: Pixel) => 0.299 * r + 0.587 * g + 0.114 * b;
const channels = (f: (c: 0 | 1 | 2) => number): Pixel => [f(0), f(1), f(2)];
const blend = (p: Pixel, q: Pixel, by: number) => channels((c) => by * p[c] + (1 - by) * q[c]);
const average = (image: readonly Pixel[], of: (p: Pixel) => number) =>
  image.reduce((sum, p) => sum + of(p), 0) / image.length;

/** torchvision's definitions, on an image. */
const ADJUST = [
  (image: readonly Pixel[], by: number) => image.map((p) => blend(p, [0, 0, 0], by)),
  (image: readonly Pixel[], by: number) => {
    const m = average(image, grey);
    return image.map((p) => blend(p, [m, m, m], by));
  },
  (image: readonly Pixel[], by: number) =>
    image.map((p) =>
      blend(
        p,
        channels(() => grey(p)),
        by,
      ),
    ),
] as const;

/** What the matrices make of an image. */
function applied({ pixel, mean }: Colour, image: readonly Pixel[]): Pixel[] {
  const centre = channels((c) => average(image, (p) => p[c]));
  const times = (m: readonly number[], p: Pixel, c: number) =>
    m[3 * c]! * p[0] + m[3 * c + 1]! * p[1] + m[3 * c + 2]! * p[2];
  return image.map((p) => channels((c) => times(pixel, p, c) + times(mean, centre, c)));
}

const nearImage = (actual: readonly Pixel[], expected: readonly Pixel[], within = 1e-9) =>
  actual.flat().forEach((v, i) => {
    assert.ok(
      Math.abs(v - expected.flat()[i]!) < within,
      `${JSON.stringify(actual)} is not ${JSON.stringify(expected)}`,
    );
  });

/** A source that gives the wished order of steps, and always the largest factor. */
const scripted = (order: readonly number[]): Random => ({
  ...createRandom(1),
  uniform: (from = 0, to = 1) => (from === 0 && to === 1 ? 0 : to),
  permutation: () => Uint32Array.from(order),
});

describe("moco/colour, as ColorJitter and RandomGrayscale", () => {
  const jitter = { probability: 1, brightness: 0.4, contrast: 0.3, saturation: 0.2, hue: 0 };
  for (const order of [
    [0, 1, 2, 3],
    [2, 1, 0, 3],
    [1, 3, 2, 0],
  ]) {
    it(`brightness, contrast and saturation in the order ${order.join(" ")} on a known image`, () => {
      const expected = order
        .filter((step) => step < 3)
        .reduce((image: readonly Pixel[], step) => ADJUST[step]!(image, [1.4, 1.3, 1.2][step]!), IMAGE);
      nearImage(applied(drawColour(scripted(order), { jitter, grey: 0, greyFirst: false }), IMAGE), expected);
    });
  }

  it("contrast is about the mean grey of the image as it is then, not of each channel", () => {
    const [red] = applied(
      drawColour(scripted([0, 1, 2, 3]), { jitter: { ...NONE, contrast: 0.5 }, grey: 0, greyFirst: false }),
      [[1, 0, 0]],
    );
    nearImage([red!], [[1.5 - 0.5 * 0.299, -0.5 * 0.299, -0.5 * 0.299]]);
  });

  it("hue: greys stay, brightness stays, a third of a turn takes red to green", () => {
    const turned = (hue: number, p: Pixel) =>
      applied(drawColour(scripted([0, 1, 2, 3]), { jitter: { ...NONE, hue }, grey: 0, greyFirst: false }), [p])[0]!;
    nearImage([turned(0.2, [0.3, 0.3, 0.3])], [[0.3, 0.3, 0.3]]);
    assert.ok(Math.abs(grey(turned(0.3, [0.8, 0.5, 0.1])) - grey([0.8, 0.5, 0.1])) < 1e-9);
    const [r, g, b] = turned(1 / 3, [1, 0, 0]);
    assert.ok(g > r && g > b, `${[r, g, b]}`);
  });

  it("grey comes after the jitter in v2 and before it in v1", () => {
    // Saturation after grey changes nothing; hue neither. Brightness commutes, so look at contrast about a known mean.
    const views = { jitter: { ...NONE, saturation: 0.5, hue: 0.1 }, grey: 1 };
    const v1 = applied(drawColour(scripted([2, 3, 0, 1]), { ...views, greyFirst: true }), IMAGE);
    nearImage(
      v1,
      IMAGE.map((p) => channels(() => grey(p))),
      1e-3,
    );
    const after = drawColour(scripted([2, 3, 0, 1]), { ...views, greyFirst: false });
    assert.ok(applied(after, IMAGE).every(([r, g, b]) => Math.abs(r - g) < 1e-9 && Math.abs(g - b) < 1e-9));
    // Taken first, grey is itself changed by contrast: both orders agree there, as contrast keeps greys grey.
    const first = drawColour(scripted([1, 0, 2, 3]), { jitter: { ...NONE, contrast: 0.5 }, grey: 1, greyFirst: true });
    nearImage(
      applied(first, IMAGE),
      ADJUST[1](
        IMAGE.map((p) => channels(() => grey(p))),
        1.5,
      ),
    );
  });

  it("each factor is uniform in its range", () => {
    const random = createRandom(11);
    const factors = Array.from(
      { length: 20_000 },
      () => drawColour(random, { jitter: { ...NONE, brightness: 0.4 }, grey: 0, greyFirst: false }).pixel[0]!,
    );
    const mean = factors.reduce((a, b) => a + b, 0) / factors.length;
    const variance = factors.reduce((a, b) => a + (b - mean) ** 2, 0) / factors.length;
    assert.ok(Math.abs(mean - 1) < 0.007 && Math.abs(variance - 0.8 ** 2 / 12) < 0.001, `${mean} ${variance}`);
    assert.ok(Math.min(...factors) >= 0.6 - 1e-3 && Math.max(...factors) <= 1.4 + 1e-3);
    // Above 1, the lower end is 0: max(0, 1 − 1.5)..1 + 1.5.
    const wide = Array.from(
      { length: 5000 },
      () => drawColour(random, { jitter: { ...NONE, brightness: 1.5 }, grey: 0, greyFirst: false }).pixel[0]!,
    );
    assert.ok(Math.min(...wide) >= -1e-3 && wide.some((f) => f > 2.4));
  });

  it("jitter and grey come with their probabilities, each by itself", () => {
    const random = createRandom(12);
    const views = { jitter: { ...NONE, probability: 0.8, brightness: 0.4 }, grey: 0.2, greyFirst: false };
    const seen = { jittered: 0, grey: 0, both: 0 };
    const count = 20_000;
    for (let i = 0; i < count; i++) {
      const { pixel } = drawColour(random, views);
      const isGrey = pixel[3]! !== 0 && Math.abs(pixel[0]! - pixel[3]!) < 1e-9;
      const jittered = Math.abs(pixel[0]! - (isGrey ? 0.299 : 1)) > 1e-6;
      seen.grey += isGrey ? 1 : 0;
      seen.jittered += jittered ? 1 : 0;
      seen.both += isGrey && jittered ? 1 : 0;
    }
    for (const [name, expected] of [
      ["jittered", 0.8],
      ["grey", 0.2],
      ["both", 0.16],
    ] as const) {
      assert.ok(Math.abs(seen[name] / count - expected) < 0.012, `${name} ${seen[name] / count}`);
    }
  });

  it("the four steps come in every order equally often", () => {
    const random = createRandom(13);
    const orders = new Map<string, number>();
    const spy: Random = {
      ...random,
      permutation(n) {
        const order = random.permutation(n);
        orders.set(order.join(), (orders.get(order.join()) ?? 0) + 1);
        return order;
      },
    };
    for (let i = 0; i < 12_000; i++) drawColour(spy, { jitter, grey: 0, greyFirst: false });
    assert.equal(orders.size, 24);
    assert.ok(
      [...orders.values()].every((times) => Math.abs(times - 500) < 110),
      JSON.stringify([...orders]),
    );
  });
});
