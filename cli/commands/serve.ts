// moco-search serve: starts the server. It needs no configuration.
import { Command } from "commander";
import { parseConfig, start } from "../../server/index.ts";
import { readSettings } from "../settings-file.ts";
import { stopSignal } from "../stop-signal.ts";

interface Flags extends Readonly<Record<string, unknown>> {
  readonly json?: true;
  readonly config?: string;
}

/** `moco-search serve`: the server, until Ctrl-C or SIGTERM. */
export const command = new Command("serve")
  .description(
    "Serves similar-image search over HTTP. Needs no configuration: the default model, data in ./data, port 3000, this machine only. Each option can also be set by an environment variable, such as MOCO_SEARCH_PORT, or in a file; flags go before the environment, and it before the file.",
  )
  .option("--config <file>", "options as JSON or YAML, such as maxBatch: 16 (default: what MOCO_SEARCH_CONFIG names)")
  .option("--data <folder>", "folder of everything that is stored (default: ./data)")
  .option("--database <url>", "PostgreSQL that several servers share, in place of the data folder: postgres://…")
  .option("--files <place>", "where the files are that belong to --database: s3://bucket/prefix or file:/path")
  .option("--models <folder>", "folder that models are taken from (default: ./models)")
  .option("--model <name>", "model that a new data folder starts with (default: default)")
  .option("--host <address>", "address to listen on (default: 127.0.0.1)")
  .option("--port <number>", "port to listen on, 0 for a free one (default: 3000)")
  .option("--device <name>", "where the encoder computes: auto, cpu, webgpu, cuda, coreml or dml (default: cpu)")
  .option("--threads <number>", "threads of the encoder (default: all cores)")
  .option("--auto-activate", "activate each model that appears in the models folder")
  .option("--review", "swaps wait before the switch until someone approves or discards them")
  .option(
    "--golden-key <key>",
    "metadata key of images that belong together: a swap must not find less of them (default: label)",
  )
  .option("--trainings", "let admins train on the collection (default, unless the storage is shared)")
  .option("--no-trainings", "start no trainings")
  .option("--require-keys", "demand API keys on this machine too, as behind a reverse proxy")
  .option("--log-level <level>", "silent, fatal, error, warn, info, debug or trace, on stderr (default: warn)")
  .option("--json", "print one line of JSON when the server is ready")
  .addHelpText("after", "\nExample:\n  $ moco-search serve --data ./photos-index --port 8080")
  .action(async ({ json, config: path = process.env.MOCO_SEARCH_CONFIG, ...flags }: Flags) => {
    const file = path ? { path, values: await readSettings(path, "options of the server") } : undefined;
    const config = parseConfig(flags, process.env, file);
    const place = config.database === undefined ? config.data : nameOf(config.database);
    if (!json) console.log(`Loading the model; data is in ${place} …`);
    const { trainings = config.database === undefined } = config;
    const server = await start({ ...config, trainings });
    const url = reachable(server.url);
    const stopped = stopSignal(); // set up first: whoever reads the next line may send a signal at once
    if (json) console.log(JSON.stringify({ url, model: server.model, data: place, pid: process.pid }));
    else console.log(welcome(url, server.model));
    await stopped;
    if (!json) console.log("Finishing requests under way …");
    await server.close();
  });

/** An address to ask: where a server listens at all of a machine's, localhost. */
function reachable(url: string): string {
  return url.replace(/\/\/(0\.0\.0\.0|\[::\])(?=:)/, "//localhost");
}

/** A database's address without its password. */
function nameOf(database: string): string {
  if (!URL.canParse(database)) return "a database";
  const { protocol, host, pathname } = new URL(database);
  return `${protocol}//${host}${pathname}`;
}

function welcome(url: string, model: string): string {
  return `moco-search is ready at ${url} with the model "${model}".

Store an image:       curl -F image=@photo.jpg ${url}/v1/images
Find similar ones:    curl -F image=@photo.jpg ${url}/v1/search
See what is stored:   curl ${url}/v1/images

Press Ctrl-C to stop.`;
}
