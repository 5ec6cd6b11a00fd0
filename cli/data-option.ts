import { Option } from "commander";

/** `--data`, for commands that open a data folder themselves. */
export const dataOption = () =>
  new Option("--data <folder>", "the server's data folder").default("./data").env("MOCO_SEARCH_DATA");
