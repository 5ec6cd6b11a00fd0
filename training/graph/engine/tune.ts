// Finds the fastest form of each gradient on this machine, once per shape, and remembers it in a file.
import { createHash } from "node:crypto";
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
  printGraph,
  reduceSum,
  sizeOf,
  type Tensor,
} from "../index.ts";
import { intermediateBytes } from "../intermediate-bytes.ts";
import { type Finalist, LEAST_ROUNDS, MARGIN, race } from "./paired-timing.ts";

/** A record of {@link Choices}. */
export const choicesSchema = z.record(z.string(), z.string());

/** Signature (operator, shapes, names of the forms) → chosen form. Unknown signatures use the first. */
export type Choices = Readonly<z.infer<typeof choicesSchema>>;

/** Options of {@link fastestForms}. */
export interface TuneOptions extends CompileOptions {
  /** JSON file with what was found on this and other machines. Without it nothing is timed, and every form is the first. */
  readonly file: string | undefined;
  /** Called before timing, with the number of signatures to be timed. */
  readonly onTiming?: (shapes: number) => void;
}

/** An operator or gradient with several forms, as a graph asks for it. */
interface Question {
  readonly operands: readonly Tensor[];
  readonly forms: Readonly<Record<string, Form>>;
  /** How often the graph asks for it. */
  uses: number;
}

const answerSchema = z.object({ form: z.string(), milliseconds: z.number(), graphs: z.string() });

/** What the file says of a question: the form, how long it takes, and which graphs were compared. */
type Answer = Readonly<z.infer<typeof answerSchema>>;

/** Machine → key of a question → answer. */
const fileSchema = z.record(z.string(), z.record(z.string(), answerSchema));

/** How long the answers of the file are checked. The last check that is begun in this time is ended. */
const CHECK_MILLISECONDS = 300;

/**
 * The fastest form of everything that `build` asks for; of several that are as fast, the one that needs the least
 * memory. What the file does not have is timed, which takes seconds, and added to it if it can be written. Where the
 * file is clearly wrong about one of the costliest forms, all of them are timed again.
 *
 * @param build Builds the graph with the given chooser; its result is not used.
 */
export async function fastestForms(
  build: (chooser: FormChooser) => unknown,
  { file, onTiming, ...options }: TuneOptions,
): Promise<Choices> {
  if (file === undefined) return {};
  const questions = questionsOf(build);
  const all = await readAnswers(file);
  const machine = machineName(options);
  const answers = { ...all[machine] };
  const known = [...questions].filter(([key, question]) => answers[key]?.graphs === graphsOf(question));
  const stale = await isStale(
    known.map(([key, question]) => [question, answers[key]!]),
    options,
  );
  const open = new Map(questions);
  if (!stale) for (const [key] of known) open.delete(key);
  if (open.size > 0) {
    onTiming?.(open.size);
    for (const [key, question] of open) answers[key] = await answer(question, options);
    const content = `${JSON.stringify({ ...all, [machine]: answers }, null, 2)}\n`;
    await replaceFile(file, content).catch(() => {}); // a cache: without it the next run times again
  }
  return Object.fromEntries([...questions.keys()].map((key) => [key, answers[key]!.form]));
}

/** A chooser that takes these forms. */
export function chosenForms(choices: Choices): FormChooser {
  return {
    choose(signature, operands, forms) {
      const form = forms[choices[keyOf(signature, forms)] ?? ""];
      return form ? form(...operands) : firstForm.choose(signature, operands, forms);
    },
  };
}

/** What a graph asks for, by key. */
function questionsOf(build: (chooser: FormChooser) => unknown): Map<string, Question> {
  const questions = new Map<string, Question>();
  build({
    choose(signature, operands, forms) {
      const key = keyOf(signature, forms);
      const question = questions.get(key) ?? { operands, forms, uses: 0 };
      question.uses++;
      if (Object.keys(forms).length > 1) questions.set(key, question);
      return firstForm.choose(signature, operands, forms);
    },
  });
  return questions;
}

/** Key of a question. It names the forms, so that a new form is timed against those that were known. */
const keyOf = (signature: string, forms: Question["forms"]) => `${signature} ${Object.keys(forms).sort().join("|")}`;

/** The default file of choices: `tuning.json` in the user's cache folder. */
export function tuningFile(): string {
  return join(defaultCacheFolder(), "tuning.json");
}

async function answer(question: Question, options: CompileOptions): Promise<Answer> {
  const best = leanest(await raceForms(question, options));
  const graphs = graphsOf(question);
  if (!best) return { form: Object.keys(question.forms)[0]!, milliseconds: 0, graphs }; // none runs on this provider
  return { form: best.candidate.name, milliseconds: Number(best.milliseconds.toFixed(3)), graphs };
}

/** A digest of the forms: what another version computes otherwise is timed again. */
function graphsOf({ operands, forms }: Question): string {
  const digest = createHash("sha256");
  for (const form of Object.values(forms)) digest.update(printGraph({ y: form(...placeholders(operands)) }));
  return digest.digest("hex").slice(0, 16);
}

/** Inputs that stand for operands, so that a form can be looked at alone. */
const placeholders = (operands: readonly Tensor[]) =>
  operands.map(({ shape, dtype }, i) => input(`operand${i}`, shape, dtype));

/** Of those that are as fast as the fastest, within the margin, the one that needs the least memory, or the first. */
export function leanest<T extends { readonly bytes: number }>(
  finalists: ReadonlyArray<Finalist<T>>,
): Finalist<T> | undefined {
  const tied = finalists.filter(({ ratio }) => ratio <= 1 + MARGIN);
  return tied.sort((a, b) => a.candidate.bytes - b.candidate.bytes)[0];
}

/** Whether another form is clearly faster than a known one. The costliest in the graph are looked at first. */
async function isStale(known: ReadonlyArray<[Question, Answer]>, options: CompileOptions): Promise<boolean> {
  const cost = ([{ uses }, { milliseconds }]: [Question, Answer]) => uses * milliseconds;
  const began = performance.now();
  for (const [question, { form }] of known.toSorted((a, b) => cost(b) - cost(a))) {
    if (performance.now() - began > CHECK_MILLISECONDS) break;
    const finalists = await raceForms(question, options, LEAST_ROUNDS);
    if (!finalists.some(({ candidate }) => candidate.name === form)) return true;
  }
  return false;
}

/** A form of a question, ready to be timed. */
interface Candidate {
  readonly name: string;
  readonly bytes: number;
  readonly graph: CompiledGraph;
}

/** Those forms that no other is clearly faster than, in their order. */
async function raceForms(
  { operands, forms }: Question,
  options: CompileOptions,
  rounds?: number,
): Promise<Finalist<Candidate>[]> {
  const feeds = Object.fromEntries(operands.map(({ shape }, i) => [`operand${i}`, noise(sizeOf(shape))]));
  const candidates: Candidate[] = [];
  for (const [name, form] of Object.entries(forms)) {
    // The sum keeps the output small: an output's fresh pages would be timed too.
    const sum = reduceSum(form(...placeholders(operands)));
    const graph = await compile({ sum }, options).catch(() => undefined); // not on this provider
    if (graph) candidates.push({ name, bytes: intermediateBytes(sum), graph });
  }
  const time = async ({ graph }: Candidate) => {
    const began = performance.now();
    await graph.run(feeds);
    return performance.now() - began;
  };
  const finalists = await race(candidates, time, rounds);
  for (const { graph } of candidates) await graph.release();
  return finalists;
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

async function readAnswers(file: string): Promise<z.infer<typeof fileSchema>> {
  try {
    return fileSchema.parse(JSON.parse(await readFile(file, "utf8")));
  } catch {
    return {}; // not there yet, or not ours
  }
}

/** Arbitrary values in −1..1: kernels might skip zeros. */
function noise(size: number): Float32Array {
  return Float32Array.from({ length: size }, (_, i) => Math.sin(i));
}
