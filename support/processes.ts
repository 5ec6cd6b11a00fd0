import { execFileSync } from "node:child_process";

/** Process ids of the encoder processes that this process has started and that run now, oldest first. */
export function encoderPids(): number[] {
  return execFileSync("ps", ["-A", "-o", "pid=,ppid=,args="], { encoding: "utf8" })
    .split("\n")
    .filter((line) => line.includes("encoder/process"))
    .map((line) => line.trim().split(/\s+/, 2).map(Number))
    .filter(([, parent]) => parent === process.pid)
    .map(([pid]) => pid!)
    .sort((a, b) => a - b);
}
