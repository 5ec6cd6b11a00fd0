// Where a migration reads and writes: a data folder, or a database with a file store.
import { join, resolve } from "node:path";
import { AppError } from "../../../core/errors.ts";
import { checkIsDataFolder, DATABASE_FILE, encoderFiles, imageFiles, makeDataFolder } from "../data-folder.ts";
import { openFiles } from "../open-shared.ts";
import { openDatabase as openPostgres } from "../postgres/database.ts";
import { lockDataFolder, openDatabase as openSqlite } from "../sqlite/database.ts";
import type { Place } from "./migrate.ts";
import { checkUnused, createPostgresArchive } from "./postgres-archive.ts";
import { createSqliteArchive } from "./sqlite-archive.ts";

/**
 * Reads the arguments of a migration: two places, each a data folder or a database followed by its files.
 *
 * @throws AppError `invalid_configuration`.
 */
export function parsePlaces(texts: readonly string[]): readonly [readonly string[], readonly string[]] {
  const places: string[][] = [];
  for (const [i, text] of texts.entries()) {
    const isFiles = i > 0 && /^postgres(ql)?:/.test(texts[i - 1]!);
    if (isFiles) places.at(-1)!.push(text);
    else places.push([text]);
  }
  const [from, to, ...more] = places;
  const isWhole = places.every(
    ([first, files]) => /^postgres(ql)?:/.test(first!) === (files !== undefined && /^(s3|file):/.test(files)),
  );
  if (from && to && more.length === 0 && isWhole) return [from, to];
  throw new AppError(
    "invalid_configuration",
    "Expected where from and where to, each a data folder or a database with its files, such as: ./data postgres://host/moco s3://bucket/prefix",
  );
}

/** Opens a place for this process alone. @param mustExist It is where everything comes from. */
export async function openPlace(
  [first, files]: readonly string[],
  { mustExist }: { mustExist: boolean },
): Promise<Place> {
  return files === undefined ? openDataFolder(first!, mustExist) : openShared(first!, files);
}

async function openDataFolder(folder: string, mustExist: boolean): Promise<Place> {
  if (mustExist) checkIsDataFolder(folder);
  else await makeDataFolder(folder);
  const unlock = lockDataFolder(folder);
  try {
    const database = openSqlite(join(folder, DATABASE_FILE), { migrates: true });
    const images = imageFiles(folder);
    const models = encoderFiles(folder);
    await images.prepare();
    await models.prepare();
    return {
      name: resolve(folder),
      archive: createSqliteArchive(database),
      images,
      models,
      async close() {
        database.close();
        unlock();
      },
    };
  } catch (error) {
    unlock();
    throw error;
  }
}

async function openShared(url: string, files: string): Promise<Place> {
  const store = await openFiles(files);
  const database = await openPostgres(url, { migrates: true }).catch((error) => {
    store.close();
    throw error;
  });
  const close = async () => {
    store.close();
    await database.close();
  };
  try {
    await checkUnused(database);
  } catch (error) {
    await close();
    throw error;
  }
  const { host, pathname } = new URL(url);
  const { images, models } = store;
  return { name: `postgres://${host}${pathname}`, archive: createPostgresArchive(database), images, models, close };
}
