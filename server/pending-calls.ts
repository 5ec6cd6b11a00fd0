// Requests over a message channel: each gets a number, the answer names it.

/** Calls that wait for an answer. */
export interface PendingCalls<T> {
  readonly size: number;
  /** Opens a call: send its `id` along, await `answer`. */
  open(): { id: number; answer: Promise<T> };
  /** Ends a call with its value; an unknown number is ignored. */
  resolve(id: number, value: T): void;
  reject(id: number, error: unknown): void;
  rejectAll(error: unknown): void;
  /** Resolves when no call waits. */
  drained(): Promise<void>;
}

/** Makes an empty set of calls. */
export function createPendingCalls<T>(): PendingCalls<T> {
  const calls = new Map<number, { resolve(value: T): void; reject(error: unknown): void }>();
  let drainWaiters: Array<() => void> = [];
  let last = 0;
  const take = (id: number) => {
    const call = calls.get(id);
    calls.delete(id);
    if (calls.size === 0) {
      for (const wake of drainWaiters) wake();
      drainWaiters = [];
    }
    return call;
  };
  return {
    get size() {
      return calls.size;
    },
    open() {
      const id = ++last;
      const answer = new Promise<T>((resolve, reject) => calls.set(id, { resolve, reject }));
      return { id, answer };
    },
    resolve: (id, value) => take(id)?.resolve(value),
    reject: (id, error) => take(id)?.reject(error),
    rejectAll(error) {
      for (const id of [...calls.keys()]) take(id)?.reject(error);
    },
    drained: () => (calls.size === 0 ? Promise.resolve() : new Promise((resolve) => drainWaiters.push(resolve))),
  };
}
