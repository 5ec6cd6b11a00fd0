// What was recognised of an encoder's file, to be said in words and printed as JSON.

/** One thing that was recognised, and where it is known from. */
export interface Recognised {
  readonly what: "file" | "input" | "layout" | "size" | "fit" | "batch" | "normalisation" | "output" | "pooling";
  /** In words. */
  readonly says: string;
  readonly from: "file" | "trial" | "config" | "option" | "assumed";
  /** The file's name of a config, the option of the user's, or the option that changes what is assumed. */
  readonly where?: string;
}

/** A decision and what is said of it. */
export interface Decision<T> {
  readonly value: T;
  readonly recognised: Recognised;
}

/** One line about it, such as `Size: 224×224 pixels (assumed; --size changes it).` */
export function sentence({ what, says, from, where }: Recognised): string {
  const sources: Record<Recognised["from"], string> = {
    file: "the file says",
    trial: "tried",
    config: `${where} says`,
    option: `${where}, as you say`,
    assumed: where ? `assumed; ${where} changes it` : "assumed",
  };
  return `${what[0]!.toUpperCase()}${what.slice(1)}: ${says} (${sources[from]}).`;
}
