// The machine that a run uses.
import { cpus } from "node:os";

/** Cores and processor, such as "8 × AMD Ryzen 7 5800X". */
export function machineName(): string {
  return `${cpus().length} × ${cpus()[0]?.model.trim() ?? "unknown processor"}`;
}

/** Peak resident memory of this process, bytes. */
export function peakMemoryBytes(): number {
  return process.resourceUsage().maxRSS * 1024;
}
