// What the user does to many stored images at once, and how it is undone.
import { signal } from "@preact/signals";
import type { Client, Metadata } from "../../client/index.ts";
import { count } from "../parts/words.ts";
import type { Selectable } from "./selection.ts";
import { api, leavingApi, patientApi, problemOf } from "./server.ts";
import { toast } from "./toasts.ts";

/** Ids of images that are shown no more: they are deleted, or soon will be. */
export const gone = signal<ReadonlySet<string>>(new Set());

/** Rises when stored images have other metadata than before. */
export const changes = signal(0);

/** Most ids of one request. */
const MOST = 1000;

/** Deletions that can still be undone, and what closes their messages. */
const waiting = new Map<readonly string[], () => void>();

function without(ids: readonly string[]): ReadonlySet<string> {
  const left = new Set(gone.value);
  for (const id of ids) left.delete(id);
  return left;
}

/** Takes images out of sight. The server deletes them once that can no longer be undone, or the page is left. */
export function deleteImages(images: readonly Selectable[], name: string): void {
  const ids = images.map(({ id }) => id);
  gone.value = new Set([...gone.value, ...ids]);
  const undo = () => {
    waiting.delete(ids);
    gone.value = without(ids);
    // Back to the first of them, as the button that had the focus is gone.
    requestAnimationFrame(() => document.querySelector<HTMLElement>(`[data-id="${ids[0]}"] .picture`)?.focus());
  };
  waiting.set(
    ids,
    toast(`Deleted ${name}`, { label: "Undo", run: undo }, () => void tell(ids, patientApi)),
  );
}

async function tell(ids: readonly string[], client: Client): Promise<void> {
  waiting.delete(ids);
  try {
    await Promise.all(partsOf(ids).map((part) => client.deleteImages(part)));
    changes.value++;
  } catch (error) {
    gone.value = without(ids);
    toast(`Not deleted: ${problemOf(error).detail}`);
  }
}

addEventListener("pagehide", () => {
  for (const [ids, close] of [...waiting]) {
    close();
    void tell(ids, leavingApi);
  }
});

/** Merges `patch` into the metadata of images (null removes a key); undoing brings back what each had before. */
export async function changeImages(images: readonly Selectable[], patch: Metadata, done: string): Promise<void> {
  const before = new Map<string, { readonly patch: Metadata; readonly ids: string[] }>();
  for (const { id, metadata } of images) {
    const old = Object.fromEntries(Object.keys(patch).map((key) => [key, metadata[key] ?? null]));
    const key = JSON.stringify(old);
    before.set(key, { patch: old, ids: [...(before.get(key)?.ids ?? []), id] });
  }
  const send = async (given: Metadata, ids: readonly string[]) => {
    for (const part of partsOf(ids)) await api.changeImages(part, given);
  };
  const undo = async () => {
    try {
      for (const old of before.values()) await send(old.patch, old.ids);
    } catch (error) {
      toast(`Not undone: ${problemOf(error).detail}`);
    }
    changes.value++;
  };
  try {
    await send(
      patch,
      images.map(({ id }) => id),
    );
    toast(`${done} ${count(images.length, "image")}`, { label: "Undo", run: () => void undo() });
  } catch (error) {
    toast(`Not changed: ${problemOf(error).detail}`);
  }
  changes.value++;
}

function partsOf(ids: readonly string[]): string[][] {
  return Array.from({ length: Math.ceil(ids.length / MOST) }, (_, i) => ids.slice(i * MOST, (i + 1) * MOST));
}
