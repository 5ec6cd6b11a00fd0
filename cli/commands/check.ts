// moco-search check: is everything in a data folder as it was stored?
import { Command } from "commander";
import { AppError } from "../../core/errors.ts";
import { MODELS_FOLDER } from "../../core/model-folder.ts";
import { check, type Damage } from "../../server/storage/check.ts";
import { dataOption } from "../data-option.ts";
import { findImageFiles, readImageFile } from "../image-files.ts";
import { showProgress } from "../progress.ts";

interface Flags {
  readonly data: string;
  readonly models: string;
  readonly repair?: boolean;
  readonly originals?: string[];
  readonly json?: true;
}

/** `moco-search check`. */
export const command = new Command("check")
  .description(
    "Reads everything in a data folder and lists what is missing, what is damaged, and files that its database does not know. While a server uses the folder it only reads, and does not look for unknown files. Ends with an error where something is wrong and was not repaired.",
  )
  .addOption(dataOption())
  .option("--models <folder>", "where encoders are repaired from", MODELS_FOLDER)
  .option(
    "--repair",
    "take files back from lost+found and encoders from the models; set unknown files aside; nothing is deleted but damaged indexes, which are built anew",
  )
  .option("--originals <paths...>", "with --repair: image files or folders of them to repair stored images from")
  .option("--json", "print the outcome as one line of JSON")
  .addHelpText("after", "\nExample:\n  $ moco-search check --data ./data")
  .action(async ({ data, models, repair = false, originals, json }: Flags) => {
    const progress = showProgress("checking", "files");
    const options = { repair, models, originals: originals && bytesOf(originals), onProgress: progress.update };
    const report = await check(data, options).finally(progress.stop);
    if (json) console.log(JSON.stringify(report));
    else {
      for (const damage of report.damage) console.log(describe(damage));
      console.log(
        `${report.images} images in ${report.contents} files: ${report.damage.length === 0 ? "everything is as it was stored" : `${report.damage.length} things are wrong`}.`,
      );
      if (report.inUse)
        console.log("A server uses the folder, so files that the database does not know were not looked for.");
    }
    const left = report.damage.filter(({ repaired }) => !repaired);
    if (left.length > 0) throw failure(left);
  });

async function* bytesOf(paths: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const { path } of findImageFiles(paths).files) yield (await readImageFile(path)).bytes;
}

function describe({ of, problem, file, names, repaired }: Damage): string {
  const named = names.length > 0 ? ` ${names.join(", ")}` : "";
  return `${of}${named}: ${file} is ${problem}${repaired ? ", repaired" : ""}`;
}

function failure(left: readonly Damage[]): AppError {
  const lost = (of: Damage["of"]) => left.some((damage) => damage.of === of && damage.problem !== "unknown");
  const remedies = [
    ...(lost("database") ? ["Restore a backup into another folder (moco-search restore)."] : []),
    ...(lost("image")
      ? ["Repair with --originals, send the files of those images again, restore a backup, or delete the images."]
      : []),
    ...(lost("model") ? ["Put those models back into the models folder and repair with --models."] : []),
    ...(left.some(({ of, problem }) => problem === "unknown" || of === "index")
      ? ["--repair sets unknown files aside and removes damaged indexes."]
      : []),
  ];
  return new AppError("file_damaged", `${left.length} things are wrong. ${remedies.join(" ")}`);
}
