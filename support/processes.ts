// Processes of this machine.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

interface ListedProcess {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

/** Every process that runs; one that has ended and is not waited for by its parent does not. */
const processes = process.platform === "linux" ? linuxProcesses : listedProcesses;

/** From /proc, which takes a tenth of the time of `ps`: tests ask again and again. */
function linuxProcesses(): ListedProcess[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const [state, parent] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)!.split(" ");
        if (state === "Z" || state === "X") return [];
        const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
        return [{ pid: Number(pid), parent: Number(parent), command }];
      } catch {
        return []; // it ended meanwhile
      }
    });
}

/** As `ps` lists them. */
function listedProcesses(): ListedProcess[] {
  return execFileSync("ps", ["-A", "-o", "pid=,ppid=,stat=,args="], { encoding: "utf8" })
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , state]) => state && !state.startsWith("Z"))
    .map(([pid, parent, , ...command]) => ({ pid: Number(pid), parent: Number(parent), command: command.join(" ") }));
}

/** Process ids of those that a process has started whose command has this text, and that run now, oldest first. */
export function childPids(text: string, parent = process.pid): number[] {
  return processes()
    .filter((one) => one.parent === parent && one.command.includes(text))
    .map(({ pid }) => pid)
    .sort((a, b) => a - b);
}

/** Resident memory of a process, MB; Linux only. */
export function residentMb(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) / 1024;
}

/** {@link childPids} of encoders. */
export const encoderPids = (parent = process.pid): number[] => childPids("encoder/process", parent);

/** Waits until none of these processes runs. @throws AssertionError where one does after `seconds`. */
export async function untilGone(pids: readonly number[], seconds: number): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const left = processes().filter(({ pid }) => pids.includes(pid));
    if (left.length === 0) return;
    assert.ok(Date.now() < deadline, `still running after ${seconds} s: ${left.map(({ command }) => command).join()}`);
    await sleep(50);
  }
}
