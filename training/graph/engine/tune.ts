// Finds the fastest form of each gradient on this machine, once per shape, and remembers it in a file.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { cpus } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { defaultCacheFolder } from "../../../core/cache-folder.ts";
import { replaceFile } from "../../../core/files.ts";
import { env } from "../../../core/onnxruntime.ts";
import { type CompileOptions, type FormChooser, firstForm, printGraph } from "../index.ts";
import { type Candidate, inNetwork, isDecided, leanest, type Question, raceForms, workOf } from "./form-race.ts";
import { type Finalist, LEAST_ROUNDS, MARGIN } from "./paired-timing.ts";

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

/** What the file says of a question: the form, and which graphs were compared. */
const answerSchema = z.object({ form: z.string(), graphs: z.string() });
type Answer = z.infer<typeof answerSchema>;

/** Machine → key of a question → answer. */
const fileSchema = z.record(z.string(), z.record(z.string(), answerSchema));

/** The part of all questions' work that it does not matter to lose at one of them. */
const SHARE = 0.001;

/** How often a question is raced while its answer is not clear. */
const PASSES = 2;

/** A remembered form is wrong where it takes longer than another by this part or more. Less may be chance. */
const CLEARLY_WRONG = 0.1;

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
  const margins = marginsOf(questions);
  const known = [...questions].filter(([key, question]) => answers[key]?.graphs === graphsOf(question));
  const forms = known.map(([key, question]) => [question, answers[key]!.form] as const);
  const stale = await isStale(forms, margins, options);
  const open = new Map(questions);
  if (!stale) for (const [key] of known) open.delete(key);
  if (open.size > 0) {
    onTiming?.(open.size);
    Object.assign(answers, await answersTo(open, margins, options));
    const content = `${JSON.stringify({ ...all, [machine]: answers }, null, 2)}\n`;
    await replaceFile(file, content).catch(() => {}); // a cache: without it the next run times again
  }
  return Object.fromEntries([...questions.keys()].map((key) => [key, answers[key]!.form]));
}

/** A chooser that takes these forms. */
export function chosenForms(choices: Choices): FormChooser {
  return {
    choose(signature, operands, forms, image) {
      const form = forms[choices[keyOf(signature, forms)] ?? ""];
      return form ? form(...operands) : firstForm.choose(signature, operands, forms, image);
    },
  };
}

/** What a graph asks for, by key. */
function questionsOf(build: (chooser: FormChooser) => unknown): Map<string, Question> {
  const questions = new Map<string, Question>();
  build({
    choose(signature, operands, forms, image) {
      const key = keyOf(signature, forms);
      const question = questions.get(key) ?? { operands, forms, image, uses: 0 };
      question.uses++;
      if (Object.keys(forms).length > 1) questions.set(key, question);
      return firstForm.choose(signature, operands, forms, image);
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

/**
 * The fastest form of each question; where none runs on this provider, the first. What is not clear is timed again after
 * all others: other programs may be quiet by then.
 */
async function answersTo(
  questions: ReadonlyMap<string, Question>,
  margins: Margins,
  options: CompileOptions,
): Promise<Record<string, Answer>> {
  const answers: Record<string, Answer> = {};
  const finalists = new Map<string, Finalist<Candidate>[]>();
  let open = [...questions];
  for (let pass = 0; pass < PASSES; pass++) {
    for (const [key, question] of open) {
      const margin = margins.get(question)!;
      const left = await raceForms(question, options, { margin, earlier: finalists.get(key) });
      finalists.set(key, left);
      const form = leanest(left)?.candidate.name ?? Object.keys(question.forms)[0]!;
      answers[key] = { form, graphs: graphsOf(question) };
    }
    open = open.filter(([key]) => !isDecided(finalists.get(key)!));
  }
  return answers;
}

/** The difference that does not matter in each question, as a part of its time: more where a graph does less of it. */
type Margins = ReadonlyMap<Question, number>;

function marginsOf(questions: ReadonlyMap<string, Question>): Margins {
  const all = [...questions.values()].reduce((sum, question) => sum + workOf(question), 0);
  const of = (question: Question) => Math.max(MARGIN, (SHARE * all) / workOf(question));
  return new Map([...questions.values()].map((question) => [question, of(question)]));
}

/** A digest of the forms: what another version computes otherwise is timed again. */
function graphsOf(question: Question): string {
  const digest = createHash("sha256");
  for (const form of Object.values(question.forms)) digest.update(printGraph({ y: inNetwork(question, form) }));
  return digest.digest("hex").slice(0, 16);
}

/** Whether another form is clearly faster than one of these. Those that a graph works at most are looked at first. */
async function isStale(
  known: ReadonlyArray<readonly [Question, form: string]>,
  margins: Margins,
  options: CompileOptions,
): Promise<boolean> {
  const began = performance.now();
  for (const [question, form] of known.toSorted(([a], [b]) => workOf(b) - workOf(a))) {
    if (performance.now() - began > CHECK_MILLISECONDS) break;
    const margin = Math.max(CLEARLY_WRONG, margins.get(question)!);
    const finalists = await raceForms(question, options, { rounds: LEAST_ROUNDS, margin });
    if (!finalists.some(({ candidate }) => candidate.name === form)) return true;
  }
  return false;
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
