// moco-search discard: ends a swap that waits for approval.
import { Command } from "commander";
import { swapInReview } from "../follow-swap.ts";
import { connect, type ServerFlags, serverOptions } from "../server-options.ts";

/** `moco-search discard`. */
export const command = new Command("discard")
  .description("Discards the swap that waits for approval on a running server: the model before goes on.")
  .argument("[swap]", "id of the swap (default: the one that waits)")
  .option("--json", "print the swap as one line of JSON")
  .addHelpText("after", "\nExample:\n  $ moco-search discard");
for (const option of serverOptions()) command.addOption(option);
command.action(async (id: string | undefined, { json, ...server }: ServerFlags & { json?: true }) => {
  const client = connect(server);
  const discarded = await client.discardSwap(await swapInReview(client, id));
  for await (const swap of client.followSwap(discarded.id)) {
    if (swap.state !== "cancelled") continue;
    console.log(json ? JSON.stringify(swap) : `"${swap.model.name}" is discarded; the model before goes on.`);
  }
});
