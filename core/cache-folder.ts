// The cache folder: decoded images and timings of this machine, which can be made again.
import { homedir } from "node:os";
import { join } from "node:path";

/**
 * `moco-search` in the system's cache folder: `$XDG_CACHE_HOME` or `~/.cache`, `~/Library/Caches`, `%LOCALAPPDATA%`.
 */
export function defaultCacheFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const home = homedir();
  if (process.platform === "win32") return join(environment.LOCALAPPDATA ?? join(home, "AppData/Local"), "moco-search");
  if (process.platform === "darwin") return join(home, "Library/Caches/moco-search");
  return join(environment.XDG_CACHE_HOME || join(home, ".cache"), "moco-search");
}
