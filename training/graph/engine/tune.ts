// Finds the fastest form of each gradient on this machine, once per shape, and remembers it in a file.
import { readFile } from "node:fs/promises";
import { cpus } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { defaultCacheFolder } from "../../../core/cache-folder.ts";
import { replaceFile } from "../../../core/files.ts";
import { env } from "../../../core/onnxruntime.ts";
import {
  type CompiledGraph,
  type CompileOptions,
  compile,
  type Form,
  type FormChooser,
  firstForm,
  input,
  reduceSum,
  sizeOf,
  type Tensor,
} from "../index.ts";

/** A record of {@link Choices}. */
export const choicesSchema = z.record(z.string(), z.string());

/** Signature (operator, shapes, names of the forms) → chosen form. Unknown signatures use the first. */
export type Choices = Readonly<z.infer<typeof choicesSchema>>;

/** Options of {@link fastestForms}. */
export interface TuneOptions extends CompileOptions {
  /** JSON file, machine → {@link Choices}. Without it nothing is timed, and every form is the first. */
  readonly file: string | undefined;
  /** Called before timing, with the number of signatures to be timed. */
  readonly onTiming?: (shapes: number) => void;
}

/** An operator or gradient with several forms, as a graph asked for it. */
interface Question {
  readonly operands: readonly Tensor[];
  readonly forms: Readonly<Record<string, Form>>;
}

/** Timed runs of a form, after one that is not timed. The fastest counts: other programs slow some down. */
const TIMED_RUNS = 4;

/**
 * The fastest form of everything that `build` asks for. Signatures that the file does not have are timed, which takes
 * seconds, and added to it if it can be written.
 *
 * @param build Builds the graph with the given chooser; its result is not used.
 */
export async function fastestForms(
  build: (chooser: FormChooser) => unknown,
  { file, onTiming, ...options }: TuneOptions,
): Promise<Choices> {
  if (file === undefined) return {};
  const questions = new Map<string, Question>();
  build({
    choose(signature, operands, forms) {
      if (Object.keys(forms).length > 1) questions.set(key(signature, forms), { operands, forms });
      return firstForm.choose(signature, operands, forms);
    },
  });
  const known = await readChoices(file);
  const machine = machineName(options);
  const choices = { ...known[machine] };
  const open = [...questions].filter(([asked, { forms }]) => !(choices[asked]! in forms));
  if (open.length > 0) onTiming?.(open.length);
  for (const [asked, question] of open) choices[asked] = await fastest(question, options);
  if (open.length > 0) {
    const content = `${JSON.stringify({ ...known, [machine]: choices }, null, 2)}\n`;
    await replaceFile(file, content).catch(() => {}); // a cache: without it the next run times again
  }
  return Object.fromEntries([...questions.keys()].map((asked) => [asked, choices[asked]!]));
}

/** A chooser that takes these forms. */
export function chosenForms(choices: Choices): FormChooser {
  return {
    choose(signature, operands, forms) {
      const form = forms[choices[key(signature, forms)] ?? ""];
      return form ? form(...operands) : firstForm.choose(signature, operands, forms);
    },
  };
}

/** Key of a choice. It names the forms, so that a new form is timed against those that were known. */
const key = (signature: string, forms: Question["forms"]) => `${signature} ${Object.keys(forms).sort().join("|")}`;

/** The default file of choices: `tuning.json` in the user's cache folder. */
export function tuningFile(): string {
  return join(defaultCacheFolder(), "tuning.json");
}

/** Name of the form with the shortest run. The forms take turns, so that other programs slow all of them alike. */
async function fastest({ operands, forms }: Question, options: CompileOptions): Promise<string> {
  const names = operands.map((_, i) => `operand${i}`);
  const feeds = Object.fromEntries(operands.map(({ shape }, i) => [names[i]!, noise(sizeOf(shape))]));
  const candidates: Array<{ name: string; graph: CompiledGraph; milliseconds: number }> = [];
  for (const [name, form] of Object.entries(forms)) {
    // The sum keeps the output small: an output's fresh pages would be timed too.
    const sum = reduceSum(form(...operands.map(({ shape, dtype }, i) => input(names[i]!, shape, dtype))));
    const graph = await compile({ sum }, options).catch(() => undefined); // not on this provider
    if (graph) candidates.push({ name, graph, milliseconds: Number.POSITIVE_INFINITY });
  }
  for (let run = 0; run <= TIMED_RUNS; run++) {
    for (const candidate of candidates) {
      const start = performance.now();
      await candidate.graph.run(feeds);
      if (run > 0) candidate.milliseconds = Math.min(candidate.milliseconds, performance.now() - start);
    }
  }
  for (const { graph } of candidates) await graph.release();
  candidates.sort((a, b) => a.milliseconds - b.milliseconds);
  return candidates[0]?.name ?? Object.keys(forms)[0]!;
}

/** What a choice depends on besides its signature. */
function machineName({ providers = ["cpu"], threads = 0 }: CompileOptions): string {
  const processors = cpus();
  return [
    `onnxruntime ${env.versions.node}`,
    providers.join("+"),
    processors[0]?.model ?? "unknown processor",
    `${threads || processors.length} threads`,
  ].join(", ");
}

async function readChoices(file: string): Promise<Record<string, Choices>> {
  try {
    return z.record(z.string(), choicesSchema).parse(JSON.parse(await readFile(file, "utf8")));
  } catch {
    return {}; // not there yet, or not ours
  }
}

/** Arbitrary values in −1..1: kernels might skip zeros. */
function noise(size: number): Float32Array {
  return Float32Array.from({ length: size }, (_, i) => Math.sin(i));
}
