// Bounds what expensive actions take together: each takes some of the shares that there are, and waits for them.

/** Shares that actions under way have together at most. */
export const ALL_SHARES = 64;

/** How many later actions of one share less may go before an action. */
const HEAD_START = 4;

export interface ShareQueue {
  /** Actions that wait. */
  readonly waiting: number;
  /** Runs an action once `shares` (1 to {@link ALL_SHARES}) are free. Small ones go first, but none waits for ever. */
  run<T>(shares: number, action: () => Promise<T>): Promise<T>;
}

/** Makes a queue in which nothing waits. */
export function createShareQueue(): ShareQueue {
  const queue: Array<{ shares: number; place: number; start: () => void }> = [];
  let arrived = 0;
  let free = ALL_SHARES;
  const startNext = () => {
    while (queue[0] && queue[0].shares <= free) {
      const { shares, start } = queue.shift()!;
      free -= shares;
      start();
    }
  };
  return {
    get waiting() {
      return queue.length;
    },
    async run(shares, action) {
      const place = arrived++ + HEAD_START * shares;
      await new Promise<void>((start) => {
        const before = queue.findIndex((other) => other.place > place);
        queue.splice(before === -1 ? queue.length : before, 0, { shares, place, start });
        startNext();
      });
      try {
        return await action();
      } finally {
        free += shares;
        startNext();
      }
    },
  };
}
