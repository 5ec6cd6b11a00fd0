import assert from "node:assert/strict";
import fc from "fast-check";
import { fromHalf, toHalf } from "../../core/half.ts";
import { cast, compile, input } from "../../training/graph/index.ts";

describe("half precision", () => {
  it("rounds as onnxruntime does, whatever the bits", async () => {
    const words = [0, 0x80000000, 0x7f800000, 0xff800000, 0x477fefff, 0x477ff000, 0x33000000, 0x33000001, 0x38800000];
    for (const word of fc.sample(fc.integer({ min: 0, max: 0xffffffff }), { numRuns: 4000, seed: 7 })) words.push(word);
    for (let exponent = 95; exponent < 150; exponent++)
      words.push(exponent * 2 ** 23 + 0x1000, exponent * 2 ** 23 + 0x3000);
    const all = new Float32Array(Uint32Array.from(words).buffer);
    const values = all.filter((value) => !Number.isNaN(value));
    const graph = await compile({ half: cast(input("values", [values.length]), "float16") });
    const { half } = await graph.run({ values });
    await graph.release();
    const expected = new Uint16Array(half!.buffer, half!.byteOffset, half!.length);
    assert.deepEqual(toHalf(values), expected);
  });

  it("reads every half as what rounds to it", () => {
    const every = Uint16Array.from({ length: 2 ** 16 }, (_, bits) => bits);
    const values = fromHalf(every);
    const numbers = every.filter((_, i) => !Number.isNaN(values[i]!));
    assert.equal(numbers.length, 2 ** 16 - 2 * 1023);
    assert.deepEqual(toHalf(fromHalf(numbers)), numbers);
    assert.ok(Number.isNaN(fromHalf(toHalf(Float32Array.of(Number.NaN)))[0]));
    assert.deepEqual([...fromHalf(Uint16Array.of(0x3c00, 0xc000, 0x7bff, 0x0001))], [1, -2, 65504, 2 ** -24]);
  });
});
