// Processes that are killed or hang, and files that are damaged.
import assert from "node:assert/strict";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { png } from "../../support/pictures.ts";
import { childPids, encoderPids } from "../../support/processes.ts";
import { untilEnded } from "../../support/swaps.ts";
import { type Attacked, DECODED_OR_GIVEN_UP, fixture, ROUNDS, times, together } from "./attacked.ts";

export function faults({ attack, ask, upload, search, isWhole, folder, server }: Attacked): void {
  attack("fault", "a stored file is damaged, and another is missing", async () => {
    const harm: Array<(path: string) => Promise<void>> = [rm, (path) => writeFile(path, "others")];
    for (const [i, harmFile] of harm.entries()) {
      const file = await png(100 + i);
      const { id, sha256: hash } = (await upload(file, 201)).images[0];
      await harmFile(join(folder(), "data", "files", hash.slice(0, 2), hash));
      assert.match((await ask("GET", `/v1/images/${id}/content`, 500)).detail, new RegExp(id));
      const again = (await upload(file, 201)).images[0];
      await ask("GET", `/v1/images/${id}/content`, 200);
      for (const one of [id, again.id]) await ask("DELETE", `/v1/images/${one}`, 204);
    }
  });
  attack("fault", "the candidate's encoder is killed while it opens", async () => {
    const pids = encoderPids(server().child.pid);
    const { id } = (await ask("POST", "/v1/models/endless/activate", 202)).swap;
    const candidates = () => encoderPids(server().child.pid).filter((pid) => !pids.includes(pid));
    while (candidates().length === 0) await sleep(50);
    for (const pid of candidates()) process.kill(pid, "SIGKILL");
    assert.equal((await untilEnded(() => ask("GET", `/v1/swaps/${id}`, 200), 300_000)).state, "failed");
  });
  const decoders = () => childPids("decoding/process", server().child.pid);
  attack("fault", "the encoder is killed under searches", () =>
    times(ROUNDS, async () => {
      for (const pid of encoderPids(server().child.pid)) process.kill(pid, "SIGKILL");
      await together(5, async (i) => search(await png(i), [200, 503]));
      await isWhole();
    }),
  );
  attack("fault", "the encoder hangs", async () => {
    for (const pid of encoderPids(server().child.pid)) process.kill(pid, "SIGSTOP");
    await together(5, async (i) => search(await png(i), [200, 503]));
  });
  /** Large images are searched with while something is done to the process that decodes them. */
  const whileDecoding = async (signal: "SIGKILL" | "SIGSTOP") => {
    const file = await fixture("4000x4000.avif");
    const searches = together(3, () => search(file, DECODED_OR_GIVEN_UP));
    while (decoders().length === 0) await sleep(50);
    for (const pid of decoders()) process.kill(pid, signal);
    await searches;
  };
  attack("fault", "the decoding process is killed under searches", () => times(ROUNDS, () => whileDecoding("SIGKILL")));
  attack("fault", "the decoding process hangs", () => whileDecoding("SIGSTOP"));
}
