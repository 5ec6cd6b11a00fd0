// moco-search activate: moves a running server to another model.
import { Command } from "commander";
import type { ActivateOptions } from "../../client/index.ts";
import { followSwap } from "../follow-swap.ts";
import { connect, type ServerFlags, serverOptions } from "../server-options.ts";

/** `moco-search activate`. */
export const command = new Command("activate")
  .description(
    "Begins a swap on a running server and follows it to the end: every stored image is embedded again, checked, and then the new model answers. Nothing is interrupted, and Ctrl-C ends only the following.",
  )
  .argument("<model>", "name of a model in the server's models folder")
  .option("--force", "activate it where it finds less than the active model; a broken model stays refused")
  .option(
    "--skip-damaged",
    "go on without images whose stored files are missing, damaged or cannot be decoded, and list them",
  )
  .option("--review", "wait before the switch, with the comparison shown, until you approve or discard")
  .option("--no-review", "switch without waiting, also where the server's default is to wait")
  .option("--json", "print the swap's end as one line of JSON")
  .addHelpText("after", "\nExample:\n  $ moco-search activate photos --review");
for (const option of serverOptions()) command.addOption(option);
interface Flags extends ServerFlags, ActivateOptions {
  readonly json?: true;
}
command.action(async (model: string, { json, force, skipDamaged, review, ...server }: Flags) => {
  const client = connect(server);
  await followSwap(client, await client.activateModel(model, { force, skipDamaged, review }), { json });
});
