/** Runs `action` once every earlier action of the same key has ended; actions of different keys do not wait. */
export type KeyedLock = <T>(key: string, action: () => Promise<T>) => Promise<T>;

/** Makes a {@link KeyedLock}; a key takes no memory when nothing runs under it. */
export function createKeyedLock(): KeyedLock {
  const last = new Map<string, Promise<unknown>>();
  return async (key, action) => {
    const running = (last.get(key) ?? Promise.resolve()).then(action, action);
    last.set(key, running);
    try {
      return await running;
    } finally {
      if (last.get(key) === running) last.delete(key);
    }
  };
}
