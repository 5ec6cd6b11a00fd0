// An encoder that the command `add` has added, beside the same file in a plain onnxruntime session.
import assert from "node:assert/strict";
import { join } from "node:path";
import { openEncoder } from "../core/encoder-session.ts";
import { readModel } from "../core/model-folder.ts";
import { type PlainRun, runPlainly } from "./foreign-encoder.ts";
import { runCliHere } from "./run-cli.ts";

/** What the command said of one thing. */
interface Said {
  readonly what: string;
  readonly says: string;
  readonly from: string;
  readonly where?: string;
}

/** What an added model is: its card as printed, and what was said, such as `said.layout.from`. */
export interface AddedEncoder {
  readonly card: {
    readonly input: { width: number; height: number; fit: string; mean: number[]; std: number[] };
    readonly batch?: number;
    readonly dimensions: number;
  };
  readonly said: Readonly<Record<string, Said>>;
}

/** Adds the file as model "added" of `<folder>/models`; fails with what the command says where it does not. */
export async function addEncoder(folder: string, file: string, ...args: string[]): Promise<AddedEncoder> {
  const models = join(folder, "models");
  const { code, stdout, stderr } = await runCliHere([
    "add",
    file,
    "--name",
    "added",
    "--models",
    models,
    "--replace",
    "--json",
    ...args,
  ]);
  assert.equal(code, 0, stderr);
  const { recognised, ...card } = JSON.parse(stdout);
  return { card, said: Object.fromEntries(recognised.map((one: Said) => [one.what, one])) };
}

/** What the command says where it refuses the file. */
export async function refusalOf(folder: string, file: string, ...args: string[]): Promise<string> {
  const models = join(folder, "refused");
  const { code, stderr } = await runCliHere(["add", file, "--name", "refused", "--models", models, ...args]);
  assert.equal(code, 1, stderr);
  await assert.rejects(readModel(models, "refused"), /There is no model/);
  return stderr;
}

/** How a plain session is given a test image. */
export interface HandMade extends Omit<PlainRun, "dims" | "values"> {
  /** @default "NCHW" */
  readonly layout?: "NCHW" | "NHWC";
  /** What the encoder is given for a byte of a channel. */
  value(byte: number, channel: number): number;
  /** Images of one run. @default 1 */
  readonly batch?: number;
  /** What is made of the answer to one image; as it is by default. */
  pool?(values: Float32Array, dims: readonly number[]): readonly number[];
}

/**
 * Embeds three images as a server would, at once, and each by a plain session on the file with values made here.
 * Fails where an embedding differs by more than `within`.
 */
export async function assertSameEmbeddings(
  folder: string,
  file: string,
  { layout = "NCHW", value, batch = 1, pool = (values) => [...values], ...run }: HandMade,
  within = 1e-5,
): Promise<void> {
  const session = await openEncoder(await readModel(join(folder, "models"), "added"));
  const { width, height } = session.card.input;
  const [count, area] = [3, width * height];
  const pixels = Uint8Array.from(
    { length: count * area * 3 },
    (_, i) => (i * 97 + (i >> 3) * 31 + (i >> 9) * 50) % 256,
  );
  const embeddings = await session.embed(pixels, count);
  await session.close();
  for (let image = 0; image < count; image++) {
    const bytes = pixels.subarray(image * area * 3, (image + 1) * area * 3);
    const values = Array.from({ length: area * 3 }, (_, i) => {
      const [at, channel] = layout === "NHWC" ? [Math.floor(i / 3), i % 3] : [i % area, Math.floor(i / area)];
      return value(bytes[at * 3 + channel]!, channel);
    });
    const shape = layout === "NHWC" ? [height, width, 3] : [3, height, width];
    const answer = await runPlainly(file, {
      ...run,
      dims: [batch, ...shape],
      values: Array.from({ length: batch }, () => values).flat(),
    });
    const first = answer.values.subarray(0, answer.values.length / batch);
    const pooled = pool(first, [1, ...answer.dims.slice(1)]);
    const norm = Math.hypot(...pooled);
    assert.equal(pooled.length, session.card.dimensions);
    for (const [i, x] of pooled.entries()) {
      const actual = embeddings[image * pooled.length + i]!;
      assert.ok(Math.abs(x / norm - actual) <= within, `image ${image}, ${i}: expected ${x / norm}, got ${actual}`);
    }
  }
}
