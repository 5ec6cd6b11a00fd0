// moco-search search: asks a running server for images similar to a file.
//
//   moco-search search photo.jpg -k 5
import { Command, InvalidArgumentError } from "commander";
import type { Filter } from "../../client/index.ts";
import { readImageFile } from "../image-files.ts";
import { filterObject } from "../json-argument.ts";
import { positive } from "../numbers.ts";
import { connect, type ServerFlags, serverOptions } from "../server-options.ts";

interface Flags extends ServerFlags {
  readonly k: number;
  readonly minScore?: number;
  readonly filter?: Filter;
  readonly point?: Array<{ x: number; y: number }>;
  readonly json?: true;
}

/** One more `x,y` of {@link Flags.point}. */
function addPoint(text: string, before: Flags["point"] = []): NonNullable<Flags["point"]> {
  const [x, y, ...rest] = text.split(",").map((part) => (part.trim() === "" ? Number.NaN : Number(part)));
  const isShare = (value: number | undefined) => value !== undefined && value >= 0 && value <= 1;
  if (isShare(x) && isShare(y) && rest.length === 0) return [...before, { x: x!, y: y! }];
  throw new InvalidArgumentError("Expected two numbers from 0 to 1, such as 0.4,0.6.");
}

/** `moco-search search`. */
export const command = new Command("search")
  .description("Searches a running server with an image file and prints score, id and metadata of each match.")
  .argument("<image>", "image file to search with")
  .option("-k <number>", "matches at most", positive, 10)
  .option("--min-score <score>", "leave out matches with a lower cosine similarity", Number)
  .option("--filter <json>", "only images whose metadata fits", filterObject)
  .option("--point <x,y>", "only the thing at this place, 0 to 1 from left and top; may be repeated", addPoint)
  .option("--json", "print the answer as one line of JSON")
  .addHelpText("after", `\nExample:\n  $ moco-search search photo.jpg -k 5 --filter '{"field":"colour","eq":"red"}'`);
for (const option of serverOptions()) command.addOption(option);
command.action(async (image: string, { k, minScore, filter, point, json, ...server }: Flags) => {
  const answer = await connect(server).searchByImage(await readImageFile(image), { k, minScore, filter, point });
  if (json) console.log(JSON.stringify(answer));
  else if (answer.matches.length === 0) {
    const isNarrowed = minScore !== undefined || filter !== undefined;
    console.error(
      isNarrowed
        ? "No stored image fits. Try a lower --min-score or another --filter."
        : "Nothing is stored yet. Upload images first:  moco-search index <folder>",
    );
  } else {
    for (const { score, id, metadata } of answer.matches) {
      console.log(`${score.toFixed(4)}  ${id}  ${JSON.stringify(metadata)}`);
    }
  }
});
