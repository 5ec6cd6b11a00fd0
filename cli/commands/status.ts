// moco-search status: is the server ready, which model answers, and does a swap run?
import { Command } from "commander";
import { percent } from "../../core/percent.ts";
import { connect, type ServerFlags, serverOptions } from "../server-options.ts";

/** `moco-search status`. */
export const command = new Command("status")
  .description("Says which model of a running server answers, how many images it has, and which swap runs.")
  .option("--json", "print it as one line of JSON")
  .addHelpText("after", "\nExample:\n  $ moco-search status");
for (const option of serverOptions()) command.addOption(option);
command.action(async ({ json, ...flags }: ServerFlags & { json?: true }) => {
  const client = connect(flags);
  const [{ active, previous, swap }, metrics] = await Promise.all([client.listModels(), client.getMetrics()]);
  const images = Number(/^moco_search_images (\d+)$/m.exec(metrics)?.[1]);
  const { server } = flags;
  if (json) return console.log(JSON.stringify({ server, active, previous, swap, images }));
  console.log(`${server}  ${active ? "answers" : "is not ready yet"}`);
  console.log(`images     ${images}`);
  if (active)
    console.log(
      `model      ${active.card.name}, ${active.card.dimensions} dimensions, generation ${active.generation}`,
    );
  if (previous) console.log(`rollback   ${previous.card.name}, generation ${previous.generation}`);
  if (swap) {
    const { done, total } = swap.progress ?? { done: 0, total: 0 };
    console.log(`swap       to ${swap.model.name}: ${swap.state}${total > 0 ? `, ${percent(done / total, 0)}` : ""}`);
  }
});
