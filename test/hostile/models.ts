// Models that never finish, take all memory or are none.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { sha256 } from "../../core/hash.ts";
import { writeModel } from "../../core/model-folder.ts";
import type { SwapView } from "../../server/domain/swap.ts";
import { endlessLoop, endlessLoopOfTwo, hugeConstant } from "../../support/hostile-models.ts";
import { encoderPids } from "../../support/processes.ts";
import { untilEnded } from "../../support/swaps.ts";
import { cardOf, writeTinyModel } from "../../support/tiny-model.ts";
import type { Attacked } from "./attacked.ts";

/** Writes the models of the attacks, and "default" and "good". */
export async function writeModels(folder: string): Promise<void> {
  await writeTinyModel(folder, "default");
  await writeTinyModel(folder, "good", { seed: 2 });
  await writeTinyModel(folder, "endless", { norm: endlessLoop() });
  await writeTinyModel(folder, "endless-of-two", { norm: endlessLoopOfTwo() });
  await writeTinyModel(folder, "huge", { norm: hugeConstant() });
  await writeTinyModel(folder, "cut", { seed: 3 });
  await writeFile(join(folder, "cut", "encoder.onnx"), "not what the card says");
  await mkdir(join(folder, "pipe"));
  execFileSync("mkfifo", [join(folder, "pipe", "model.json")]);
  const zeros = Buffer.alloc(300e6);
  await writeModel(folder, { ...cardOf({ seed: 4 }), name: "large", sha256: sha256(zeros) }, { onnx: zeros });
}

export function modelAttacks({ attack, ask, server }: Attacked): void {
  const swapOf = (id: string): Promise<SwapView> => ask("GET", `/v1/swaps/${id}`, 200);
  const begin = async (name: string): Promise<string> =>
    (await ask("POST", `/v1/models/${name}/activate`, 202)).swap.id;
  const end = (id: string) => untilEnded(() => swapOf(id), 300_000);
  const failsBecause = (name: string, why: RegExp) => async () => {
    const swap = await end(await begin(name));
    assert.equal(swap.state, "failed");
    assert.match(swap.error!.detail, why);
  };
  attack("input", "one that never finishes opening", failsBecause("endless", /openSeconds/));
  attack("input", "one that never finishes warming", failsBecause("endless-of-two", /runSeconds/));
  attack("input", "one with a constant of 3 GB", failsBecause("huge", /maxEncoderBytes|openSeconds/));
  attack("input", "one of 300 MB that is no model", failsBecause("large", /protobuf parsing failed|openSeconds/));
  attack("input", "one whose file is another", failsBecause("cut", /SHA-256/));
  attack("input", "one whose card is a pipe", () => ask("POST", "/v1/models/pipe/activate", 422));
  attack("input", "one that is cancelled while it opens", async () => {
    const pids = encoderPids(server().child.pid);
    const id = await begin("endless");
    const isOpening = () => encoderPids(server().child.pid).some((pid) => !pids.includes(pid));
    while (!isOpening()) await sleep(50);
    assert.equal((await ask("POST", `/v1/swaps/${id}/cancel`, 202)).swap.state, "cancelled");
    for (const next of [() => begin("good"), async () => (await ask("POST", "/v1/rollback", 202)).swap.id]) {
      const { state, error } = await end(await next());
      assert.equal(state, "active", error?.detail);
    }
  });
}
