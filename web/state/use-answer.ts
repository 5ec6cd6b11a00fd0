// What a view asks the server for: asked anew when its question changes, and when the server is back.
import { useCallback, useEffect, useState } from "preact/hooks";
import type { Client } from "../../client/index.ts";
import { apiUntil, problemOf, returns } from "./server.ts";

export interface Asked<T> {
  /** The latest answer; it stays while the next one is waited for. */
  readonly answer: T | undefined;
  readonly problem: ReturnType<typeof problemOf> | undefined;
  readonly isWaiting: boolean;
  again(): void;
}

/**
 * Asks the server.
 *
 * @param question Values on which the answer depends.
 */
export function useAnswer<T>(ask: (api: Client) => Promise<T>, question: readonly unknown[]): Asked<T> {
  const [state, setState] = useState<Omit<Asked<T>, "again">>({
    answer: undefined,
    problem: undefined,
    isWaiting: true,
  });
  const [round, setRound] = useState(0);
  const again = useCallback(() => setRound((number) => number + 1), []);
  useEffect(() => {
    const abort = new AbortController();
    setState((before) => ({ ...before, isWaiting: true }));
    ask(apiUntil(abort.signal)).then(
      (answer) => !abort.signal.aborted && setState({ answer, problem: undefined, isWaiting: false }),
      (error) => !abort.signal.aborted && setState({ answer: undefined, problem: problemOf(error), isWaiting: false }),
    );
    return () => abort.abort();
  }, [...question, round]);
  useEffect(() => {
    const seen = returns.peek();
    return state.problem && returns.subscribe((times) => times !== seen && again());
  }, [state.problem, again]);
  return { ...state, again };
}
