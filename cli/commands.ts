// The commands: a summary of each, and its file, which is loaded only when the command is called.
import type { Command } from "commander";

interface CommandEntry {
  readonly summary: string;
  load(): Promise<{ readonly command: Command }>;
}

/** The commands by their names, in the order of the help. */
export const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  demo: {
    summary: "see everything work on the sample images, in about two minutes",
    load: () => import("./commands/demo.ts"),
  },
  train: {
    summary: "train an encoder on your images, without labels",
    load: () => import("./commands/train.ts"),
  },
  fit: {
    summary: "fit a model to your images in under a minute, without training",
    load: () => import("./commands/fit.ts"),
  },
  evaluate: {
    summary: "measure a model on labelled images",
    load: () => import("./commands/evaluate.ts"),
  },
  transfer: {
    summary: "fine-tune encoders to label every pixel, and compare them",
    load: () => import("./commands/transfer.ts"),
  },
  export: {
    summary: "export the encoder of a run again",
    load: () => import("./commands/export.ts"),
  },
  add: {
    summary: "add any ONNX image encoder to the models",
    load: () => import("./commands/add.ts"),
  },
  import: {
    summary: "bring an encoder that was trained elsewhere",
    load: () => import("./commands/import.ts"),
  },
  ablate: {
    summary: "the paper's ablations on your images: a table and a chart",
    load: () => import("./commands/ablate.ts"),
  },
  sweep: {
    summary: "compare values of hyper-parameters on your images, the best first",
    load: () => import("./commands/sweep.ts"),
  },
  design: {
    summary: "compare design spaces of networks on your images",
    load: () => import("./commands/design.ts"),
  },
  serve: {
    summary: "serve similar-image search over HTTP",
    load: () => import("./commands/serve.ts"),
  },
  index: {
    summary: "upload folders of images to a running server",
    load: () => import("./commands/index-command.ts"),
  },
  search: {
    summary: "find images like one on a running server",
    load: () => import("./commands/search.ts"),
  },
  embed: {
    summary: "embeddings of image files, as JSON lines or .npy",
    load: () => import("./commands/embed.ts"),
  },
  activate: {
    summary: "move a running server to another model",
    load: () => import("./commands/activate.ts"),
  },
  approve: {
    summary: "let a swap that waits for approval switch",
    load: () => import("./commands/approve.ts"),
  },
  discard: {
    summary: "end a swap that waits for approval",
    load: () => import("./commands/discard.ts"),
  },
  rollback: {
    summary: "move a running server back to the model before",
    load: () => import("./commands/rollback.ts"),
  },
  status: {
    summary: "what a running server has and does",
    load: () => import("./commands/status.ts"),
  },
  models: {
    summary: "list the models of a running server",
    load: () => import("./commands/models.ts"),
  },
  swaps: {
    summary: "list the swaps of a running server",
    load: () => import("./commands/swaps.ts"),
  },
  images: {
    summary: "list and delete the images of a running server",
    load: () => import("./commands/images.ts"),
  },
  duplicates: {
    summary: "find groups of near and exact duplicates on a running server",
    load: () => import("./commands/duplicates.ts"),
  },
  work: {
    summary: "embed for servers that swap, on a machine of its own",
    load: () => import("./commands/work.ts"),
  },
  migrate: {
    summary: "move everything between a data folder and PostgreSQL",
    load: () => import("./commands/migrate.ts"),
  },
  backup: {
    summary: "copy everything that is stored, also while the server runs",
    load: () => import("./commands/backup.ts"),
  },
  restore: {
    summary: "make a data folder of a backup",
    load: () => import("./commands/restore.ts"),
  },
  check: {
    summary: "find stored files that are missing or damaged, and repair them",
    load: () => import("./commands/check.ts"),
  },
  keys: {
    summary: "make, list and revoke API keys",
    load: () => import("./commands/keys.ts"),
  },
  completion: {
    summary: "completion of commands and options in bash, zsh and fish",
    load: () => import("./commands/completion.ts"),
  },
};
