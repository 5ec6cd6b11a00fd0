// The clients: they search, upload, change metadata and delete without pause and check every answer.
import { setTimeout as sleep } from "node:timers/promises";
import type { Findings } from "./findings.ts";
import type { Answer, Http } from "./http.ts";
import type { Ledger } from "./ledger.ts";
import type { Oracle } from "./oracle.ts";

export interface TrafficDeps {
  readonly http: Http;
  readonly ledger: Ledger;
  readonly findings: Findings;
  /** By the model's name. */
  readonly oracles: ReadonlyMap<string, Oracle>;
  readonly pictures: readonly Buffer[];
  /** Pictures from this number on are for uploads. */
  readonly firstNew: number;
}

export interface Traffic {
  /** Milliseconds of each search since this was asked last. */
  takeLatencies(): number[];
  /** Mean recall@10 of the sampled answers against exact search. */
  recall(): number;
  /** Runs `action` while no client does anything. */
  pause<T>(action: () => Promise<T>): Promise<T>;
  stop(): Promise<void>;
}

const SEARCHERS = 3;
const WRITERS = 2;
/**
 * Between a client's turns, so that the machine has room: what is measured is the swap, not overload. On a machine that
 * has much else to do a client rests twice as long as its turn took, where that is more.
 */
const SEARCH_PAUSE_MS = 20;
const WRITE_PAUSE_MS = 40;
const REST = 2;
const K = 10;
/** Each so many-th answer of a client is compared with exact search. */
const EXACT_EVERY = 5;
/** Difference of a score that another batch size explains. */
const TOLERANCE = 1e-3;

/** Starts the clients. */
export function startTraffic({ http, ledger, findings, oracles, pictures, firstNew }: TrafficDeps): Traffic {
  let running = true;
  let paused: Promise<void> | undefined;
  let busy = 0;
  let latencies: number[] = [];
  let recallSum = 0;
  let recallCount = 0;
  let nextNew = firstNew;

  const checkAnswer = (
    answer: Answer,
    query: number,
    before: { deleted: ReadonlySet<string>; stored: ReadonlyMap<string, number> },
    exact: boolean,
  ) => {
    const oracle = oracles.get(answer.model.name);
    if (!oracle) return findings.found("mixedGenerationAnswers", `answered by ${answer.model.name}`);
    if (answer.matches.length !== K) findings.found("lostImages", `${answer.matches.length} matches instead of ${K}`);
    for (const { id, score, metadata } of answer.matches) {
      const right = oracle.score(query, metadata.picture);
      if (!(Math.abs(score - right) < TOLERANCE)) {
        return findings.found(
          "mixedGenerationAnswers",
          `${answer.model.name} gave ${score} instead of ${right} for pictures ${query} and ${metadata.picture}`,
        );
      }
      if (before.deleted.has(id)) findings.found("resurrectedImages", `deleted image ${id} was found`);
    }
    if (!exact || answer.matches.length === 0) return;
    const scores = [...before.stored]
      .filter(([id]) => ledger.stored.has(id))
      .map(([, picture]) => oracle.score(query, picture))
      .sort((a, b) => b - a);
    const worst = scores[K - 1]! - TOLERANCE;
    const recall = answer.matches.filter(({ score }) => score >= worst).length / K;
    recallSum += recall;
    recallCount++;
    if (recall < 0.5) {
      findings.found("mixedGenerationAnswers", `${recall * K} of the ${K} nearest pictures of ${query} were found`);
    }
  };

  const searcher = async (first: number) => {
    for (let i = first; running; i += SEARCHERS) {
      await turn(SEARCH_PAUSE_MS, async () => {
        const exact = Math.floor(i / SEARCHERS) % EXACT_EVERY === 0;
        const before = { deleted: new Set(ledger.deleted), stored: exact ? new Map(ledger.stored) : ledger.stored };
        if (i % 7 === 3) return void (await searchById(before));
        if (i % 31 === 5) return void (await embed(i % firstNew));
        const query = (i * 17) % firstNew;
        const began = performance.now();
        const answer = await findings.attempt(() => http.search(pictures[query]!, K));
        if (!answer) return;
        latencies.push(performance.now() - began);
        checkAnswer(answer, query, before, exact);
      });
    }
  };

  const searchById = async (before: Parameters<typeof checkAnswer>[2]) => {
    const [id, picture] = randomEntry();
    const answer = await findings.attempt(() =>
      http.searchJson({ id }, K).catch((error) => {
        // It was deleted meanwhile.
        if (ledger.stored.has(id)) throw error;
      }),
    );
    // The query itself is left out of the matches, so exact search would be off by one.
    if (answer) checkAnswer(answer, picture, before, false);
  };

  const embed = async (picture: number) => {
    const answer = await findings.attempt(() => http.embed(pictures[picture]!));
    if (!answer) return;
    const right = oracles.get(answer.model.name)?.embedding(picture);
    if (
      !right ||
      right.length !== answer.embedding.length ||
      right.some((v, i) => Math.abs(v - answer.embedding[i]!) > TOLERANCE)
    ) {
      findings.found("mixedGenerationAnswers", `the embedding of picture ${picture} is not ${answer.model.name}'s`);
    }
  };

  const randomEntry = (): [string, number] => {
    const skip = Math.floor(Math.random() * Math.min(ledger.stored.size, 500));
    let at = 0;
    for (const entry of ledger.stored) if (at++ === skip) return entry;
    throw new Error("nothing is stored");
  };

  const writer = async (first: number) => {
    for (let round = first; running; round++) {
      await turn(WRITE_PAUSE_MS, async () => {
        if (nextNew >= pictures.length) nextNew = firstNew;
        const picture = nextNew++;
        const ids = await findings.attempt(() => http.upload([pictures[picture]!], [{ picture }]));
        if (!ids) return ledger.uploadFailed(picture);
        const [id] = ids as [string];
        ledger.uploaded(id, picture);
        // What was acknowledged is found at once, by whichever generation answers.
        const found = await findings.attempt(() => http.search(pictures[picture]!, 50));
        // Unless the other writer has deleted it meanwhile.
        if (found && ledger.stored.has(id) && !found.matches.some((match) => match.id === id)) {
          findings.found("lostImages", `image ${id} is not found right after its upload`);
        }
        await change(id, round);
        if (round % 4 !== 0) await remove(id);
        // The collection keeps its size, however long the proof runs.
        if (ledger.stored.size > 0.9 * firstNew) await remove(randomEntry()[0]);
      });
    }
  };

  const change = async (id: string, note: number) => {
    if (!ledger.stored.has(id)) return;
    ledger.changing(id);
    const done = await findings.attempt(() =>
      http.change(id, note).then(
        () => true,
        (error) => {
          if (ledger.stored.has(id)) throw error; // otherwise the other writer has deleted it
        },
      ),
    );
    if (done) ledger.changed(id, note);
  };

  const remove = async (id: string) => {
    if (!ledger.stored.has(id)) return;
    ledger.deleting(id);
    const done = await findings.attempt(async () => {
      await http.remove(id);
      return true;
    });
    if (done) ledger.gone(id);
  };

  const turn = async (pauseMs: number, action: () => Promise<void>) => {
    while (paused) await paused;
    busy++;
    const began = performance.now();
    try {
      await action();
    } finally {
      busy--;
    }
    await sleep(Math.max(pauseMs, REST * (performance.now() - began)));
  };

  const clients = [
    ...Array.from({ length: SEARCHERS }, (_, i) => searcher(i)),
    ...Array.from({ length: WRITERS }, (_, i) => writer(i)),
  ];
  return {
    takeLatencies() {
      const taken = latencies;
      latencies = [];
      return taken;
    },
    recall: () => recallSum / recallCount,
    async pause(action) {
      let resume = () => {};
      paused = new Promise((resolve) => {
        resume = resolve;
      });
      while (busy > 0) await sleep(5);
      try {
        return await action();
      } finally {
        paused = undefined;
        resume();
      }
    },
    async stop() {
      running = false;
      await Promise.all(clients);
    },
  };
}
