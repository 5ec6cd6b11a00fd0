// What a run leaves to be looked at: its report and its pictures. Nothing else of its folder is handed out.
import { readdir } from "node:fs/promises";
import { hasErrno } from "../../core/errors.ts";

const NAME = /^(?:report\.html|views\.png|neighbours-(\d{1,15})\.png)$/;

/** Names of the files in a run's folder, neighbours last and in the order of the training. */
export async function listFiles(run: string): Promise<string[]> {
  const names = await readdir(run).catch((error) => {
    if (hasErrno(error, "ENOENT")) return [];
    throw error;
  });
  const order = (name: string) => Number(NAME.exec(name)![1] ?? -1);
  return names
    .filter((name) => NAME.test(name))
    .sort()
    .sort((a, b) => order(a) - order(b));
}
