// The states of a swap and what they mean. It stands alone, so that clients need nothing else of the server.

/** States of a swap that runs, in order. */
export const RUNNING_STATES = ["loading", "warming", "backfilling", "verifying", "ready"] as const;

/** `active`: the switch happened; `retired`: a later swap replaced it. `failed` and `cancelled` changed nothing. */
export const SWAP_STATES = [...RUNNING_STATES, "active", "retired", "failed", "cancelled"] as const;

export type SwapState = (typeof SWAP_STATES)[number];

/** True where a swap does not run any more. */
export const hasEnded = ({ state }: { readonly state: SwapState }): boolean =>
  !RUNNING_STATES.some((running) => running === state);

/** True where a swap is ready and waits until someone approves or discards it. */
export const awaitsApproval = ({
  state,
  review,
  approvedAt,
}: {
  readonly state: SwapState;
  readonly review: boolean;
  readonly approvedAt?: string | undefined;
}): boolean => state === "ready" && review && approvedAt === undefined;
