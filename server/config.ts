// The server's configuration, read once: command-line flags or options of `start`, environment variables and a file.
import { cpus } from "node:os";
import { z } from "zod";
import { DEVICES } from "../core/device.ts";
import { AppError } from "../core/errors.ts";
import { modelNameSchema } from "../core/model-card.ts";
import { MODELS_FOLDER } from "../core/model-folder.ts";
import { PIXEL_LIMITS } from "./decoding/cost.ts";

const MEGABYTE = 1024 * 1024;

const path = z.string().min(1, "expected a path");
/** A number, or a text of one as flags and environment variables are; what is neither, such as a list, is refused. */
const numeric = (number: z.ZodNumber) =>
  z.union([z.number(), z.string().regex(/\S/).transform(Number)], "expected a number").pipe(number);
const real = z.number("expected a number");
const whole = real.int("expected a whole number");
const count = numeric(whole.min(1, "expected 1 or more"));
const notNegative = numeric(whole.min(0, "expected 0 or more"));
const seconds = numeric(real.gt(0, "expected more than 0"));

const flag = z.union([
  z.boolean(),
  z.enum(["true", "false", "1", "0"], "expected true or false").transform((text) => text === "true" || text === "1"),
]);

/** Every option with its default. */
export const configSchema = z
  .strictObject({
    /** Folder of everything that is stored. */
    data: path.default("./data"),
    /**
     * PostgreSQL in place of the data folder, shared by any number of servers: postgres://user:password@host:5432/name.
     */
    database: z.string().min(1, "expected postgres://user:password@host:5432/name").optional(),
    /**
     * Where the files are that belong to `database`: s3://bucket/prefix, or file:/path of a disk that all servers
     * share.
     */
    files: z
      .string()
      .regex(/^(s3|file):/, "expected s3://bucket/prefix or file:/path")
      .optional(),
    /** Folder of the models. Those that come with the package need not be in it. */
    models: path.default(MODELS_FOLDER),
    /** The model that a new data folder starts with; "default" if none is named. Later models have to be activated. */
    model: modelNameSchema.optional(),
    /** Address to listen on. */
    host: z.string().min(1, "expected an address").default("127.0.0.1"),
    /** 0 takes a free port. */
    port: numeric(whole.min(0, "expected 0 to 65535").max(65535, "expected 0 to 65535")).default(3000),
    /** Where the encoder computes. `auto`: on the platform's accelerator if it can be used, otherwise on the CPU. */
    device: z.enum(["auto", ...DEVICES]).default("cpu"),
    /** Threads of one encoder run. */
    threads: count.default(() => cpus().length),
    /** Largest batch of one encoder run. */
    maxBatch: count.refine((n) => Number.isInteger(Math.log2(n)), "expected a power of two").default(32),
    /** Images that may wait for the encoder before more are refused with 503. */
    maxWaiting: count.default(1024),
    /** Bytes of one image file. */
    maxImageBytes: count.default(32 * MEGABYTE),
    /** Pixels of an image, width × height, of all types but the two that take more to decode. */
    maxPixels: count.default(PIXEL_LIMITS.maxPixels),
    /** Pixels of an AVIF. */
    maxAvifPixels: count.default(PIXEL_LIMITS.maxAvifPixels),
    /** Pixels of a HEIC. */
    maxHeicPixels: count.default(PIXEL_LIMITS.maxHeicPixels),
    /** Bytes of all image files of one request. */
    maxRequestBytes: count.default(256 * MEGABYTE),
    /** Image files in one request. */
    maxImages: count.default(256),
    /**
     * Demands API keys on loopback too, for use behind a reverse proxy. On other addresses they are always demanded.
     */
    requireKeys: flag.default(false),
    /**
     * Metadata key that says which images belong together: a new model must find them about as well as the active one.
     */
    goldenKey: z.string().min(1, "expected a key").default("label"),
    /** How much the mean average precision on those images may drop in a swap, 0..1. */
    allowedDrop: numeric(real.min(0, "expected 0 to 1").max(1, "expected 0 to 1")).default(0.02),
    /** Whether swaps wait for approval before the switch, if the request that begins one does not say. */
    review: flag.default(false),
    /** Activates each model that appears in the models folder. */
    autoActivate: flag.default(false),
    /**
     * Lets admins train models on this server's collection, in a process of low priority. Off unless it is set;
     * `moco-search serve` sets it where the storage is the server's own.
     */
    trainings: flag.optional(),
    /** Requests a minute from one client where API keys are demanded; 0 for no limit. */
    rateLimit: notNegative.default(6000),
    /** Number of trusted reverse proxies in front (X-Forwarded-For). */
    trustProxies: notNegative.default(0),
    /** Seconds within which a client must have sent its whole request. */
    requestSeconds: seconds.default(300),
    /** Seconds within which a client must read some of its answer before it is cut off. */
    readSeconds: seconds.default(30),
    /** Seconds within which the encoder of a model must be open. */
    openSeconds: seconds.default(60),
    /** Seconds after which an encoder run counts as hung and its process is restarted. */
    runSeconds: seconds.default(60),
    /** Seconds that a large image may take to decode. */
    decodeSeconds: seconds.default(60),
    /** Bytes of memory from which the process of an encoder is ended. */
    maxEncoderBytes: count.default(768 * MEGABYTE),
    /** Seconds that requests under way get when the server stops. */
    drainSeconds: numeric(real.min(0, "expected 0 or more")).default(10),
    /** Least severity that is logged, as JSON lines on stderr. */
    logLevel: z.enum(["silent", "fatal", "error", "warn", "info", "debug", "trace"]).default("warn"),
  })
  .refine(({ database, files }) => (database === undefined) === (files === undefined), {
    message:
      "expected both or neither: --database postgres://user:password@host:5432/name says where records are and --files s3://bucket/prefix, or file:/path, where their files are",
    path: ["files"],
  });

export type Config = z.infer<typeof configSchema>;
/** Options of `start`: any part of {@link Config}. */
export type Options = z.input<typeof configSchema>;

/** Options that a file sets. */
export interface ConfigFile {
  readonly path: string;
  readonly values: Readonly<Record<string, unknown>>;
}

/**
 * Given options win over environment variables (MOCO_SEARCH_PORT for `port`, MOCO_SEARCH_MAX_BATCH for `maxBatch`),
 * these over a file, and the file over the defaults.
 *
 * @throws AppError `invalid_configuration` that names every bad value and where it comes from.
 */
export function parseConfig(
  options: Readonly<Record<string, unknown>>,
  env: NodeJS.ProcessEnv = {},
  file?: ConfigFile,
): Config {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const fromEnv = Object.fromEntries(
    Object.keys(configSchema.shape).flatMap((name) => {
      const value = env[variableName(name)];
      return value === undefined || value === "" ? [] : [[name, value]];
    }),
  );
  // Values become text, as if they came from a flag: otherwise `port: true` would count as 1. A name without a value
  // sets nothing.
  const fromFile = Object.fromEntries(
    Object.entries(file?.values ?? {}).flatMap(([name, value]) =>
      value === null ? [] : [[name, typeof value === "object" ? value : String(value)]],
    ),
  );
  const parsed = configSchema.safeParse({ ...fromFile, ...fromEnv, ...given });
  if (parsed.success) return parsed.data;
  const sourceOf = (name: string) => {
    if (name in given) return name;
    if (name in fromEnv) return variableName(name);
    return name in fromFile ? `${file!.path}: ${name}` : name;
  };
  const problems = parsed.error.issues.flatMap((issue) => {
    if (issue.code === "unrecognized_keys")
      return issue.keys.map((name) => `${sourceOf(name)}: there is no such option`);
    const name = issue.path.join(".");
    return name ? `${sourceOf(name)}: ${issue.message}` : issue.message;
  });
  throw new AppError("invalid_configuration", `The configuration is not valid. ${problems.join("; ")}.`);
}

/** `maxBatch` → MOCO_SEARCH_MAX_BATCH */
function variableName(option: string): string {
  return `MOCO_SEARCH_${option.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}
