import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

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

/** Resident memory of a process, MB; Linux only. */
export function residentMb(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) / 1024;
}
