// The server that the page talks to: whether it answers, which model does, and the key that it may ask for.
import { effect, signal } from "@preact/signals";
import { AppError, type Client, createClient, ERRORS, type ErrorCode, type ModelList } from "../../client/index.ts";

/** Where the server is: the page's own folder, which may lie below a path of a proxy. */
export const base = new URL(".", location.href.replace(/[#?].*/, "")).href;

/** Milliseconds between two looks at a server that does not answer, and at which model answers. */
const RETRY = 2000;
const LOOK = 10_000;

/** Whether the server answers, and why not. */
export const connection = signal<{ readonly state: "connecting" | "ready" | "down"; readonly reason?: string }>({
  state: "connecting",
});

/** How often the server has come back. What failed while it was away is asked again. */
export const returns = signal(0);

/** All models, and which of them answers. */
export const models = signal<ModelList | undefined>(undefined);

/** Number of the generation that answers, and the name of its model. */
export const served = signal<{ readonly generation: number; readonly name: string } | undefined>(undefined);

/** Set while the user is asked for a key. */
export const keyQuestion = signal<{ readonly refused: boolean; answer(key: string | undefined): void } | undefined>(
  undefined,
);

const KEY = "moco-search-key";
let declined = false;

/** True where requests carry a key, so that a plain address does not show an image. */
export const hasKey = (): boolean => sessionStorage.getItem(KEY) !== null;

/** Sends a request with the user's key, which is asked for where the server wants one. */
const send: typeof fetch = async (input, init) => {
  const key = sessionStorage.getItem(KEY);
  const headers = new Headers(init?.headers);
  if (key) headers.set("Authorization", `Bearer ${key}`);
  const response = await fetch(input, { ...init, headers }).catch((error) => {
    if (!init?.signal?.aborted) void look();
    throw error;
  });
  if (response.status === 503) void look();
  if (response.status !== 401 || declined) return response;
  const given = await askForKey(Boolean(key));
  if (!given) return response;
  sessionStorage.setItem(KEY, given);
  return send(input, init);
};

let asked: Promise<string | undefined> | undefined;

function askForKey(refused: boolean): Promise<string | undefined> {
  asked ??= new Promise<string | undefined>((resolve) => {
    keyQuestion.value = { refused, answer: resolve };
  }).then((key) => {
    asked = undefined;
    keyQuestion.value = undefined;
    declined = !key;
    return key;
  });
  return asked;
}

/** Lets the server ask for a key again after the user has declined. */
export function askAgain(): void {
  declined = false;
  returns.value++;
}

/** The server's client. A request that fails is not sent again: the page says so and shows what helps. */
export const api: Client = createClient(base, { attempts: 1, fetch: send });

/** The client for what may wait for a busy server, or one that starts again. */
export const patientApi: Client = createClient(base, { attempts: 30, fetch: send });

/** The client for what is still sent while the page is left. Browsers take 64 KB of that. */
export const leavingApi: Client = createClient(base, {
  attempts: 1,
  fetch: (input, init) => send(input, { ...init, keepalive: true }),
});

/** The client for one question that may be withdrawn. */
export const apiUntil = (signal: AbortSignal): Client =>
  createClient(base, { attempts: 1, fetch: (input, init) => send(input, { ...init, signal }) });

/** What stands in a notice about a failure. */
export function problemOf(error: unknown): { code: string; title: string; detail: string } {
  if (!(error instanceof AppError)) {
    const detail = error instanceof Error ? error.message : String(error);
    return { code: "internal", title: "Something failed", detail };
  }
  if (error.code === "unauthorized") {
    return { code: error.code, title: ERRORS.unauthorized.title, detail: "Without one this server shows nothing." };
  }
  const { title } = ERRORS[error.code as ErrorCode];
  return { code: error.code, title, detail: error.message.replace(`${title}: `, "") };
}

/** Takes over who gave an answer. */
export function answered({ generation, model }: { generation: number; model: { name: string } }): void {
  if (served.value?.generation !== generation) served.value = { generation, name: model.name };
}

/** Reads the models again. */
export async function readModels(): Promise<void> {
  const list = await api.listModels();
  models.value = list;
  if (list.active) answered({ generation: list.active.generation, model: list.active.card });
}

let looking = false;

/** Asks until the server is ready. */
async function look(): Promise<void> {
  if (looking) return;
  looking = true;
  for (;;) {
    const reason = await notReady();
    if (!reason) break;
    connection.value = { state: "down", reason };
    await new Promise((resolve) => setTimeout(resolve, RETRY));
  }
  looking = false;
  if (connection.value.state === "down") returns.value++;
  connection.value = { state: "ready" };
}

async function notReady(): Promise<string | undefined> {
  try {
    const response = await fetch(`${base}readyz`);
    if (response.ok) return undefined;
    const { detail } = await response.json();
    return `${detail} Trying again …`;
  } catch {
    return "The server does not answer. Start it with “moco-search serve”; this page goes on by itself.";
  }
}

/** Follows the server from now on: another tab, or a program, may activate a model. */
export function watchServer(): void {
  void look();
  const read = () => {
    if (document.visibilityState === "visible" && connection.value.state === "ready" && !declined) {
      readModels().catch(() => {});
    }
  };
  effect(() => {
    if (connection.value.state === "ready") read();
  });
  setInterval(read, LOOK);
  document.addEventListener("visibilitychange", read);
}
