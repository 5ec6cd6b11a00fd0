// The states of a training and what they mean. It stands alone, so that clients need nothing else of the server.

/**
 * `preparing`: its images are written and read; `running`: it learns; `stopped`: it can go on; `done`: its model is
 * there; `failed`: it ended by an error, and may be tried again.
 */
export const TRAINING_STATES = ["preparing", "running", "stopped", "done", "failed"] as const;

export type TrainingState = (typeof TRAINING_STATES)[number];

/** True where a training does not run: it has ended or was stopped. */
export const hasStopped = ({ state }: { readonly state: TrainingState }): boolean =>
  state !== "preparing" && state !== "running";
