// Values as text for the reader.
import type { Metadata } from "../../client/index.ts";

/** A number in the reader's locale with its noun: 1, "image" → "1 image"; 1234, "image" → "1,234 images". */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString()} ${number === 1 ? one : many}`;
}

/** A score with three digits, as those of close matches differ little; "1.000" only for the same image. */
export function formatScore(score: number): string {
  const shown = score < 0.99995 ? Math.min(score, 0.999) : 1;
  return shown.toFixed(3).replace("-", "−");
}

/** 0.271 → "27.1 %". */
export const percent = (part: number, digits = 1): string => `${(part * 100).toFixed(digits)} %`;

/** 1234567 → "1.2 MB". */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`;
  return bytes < 1e6 ? `${Math.round(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** 95 → "95 s"; 150 → "3 min"; 10000 → "2.8 h". */
export function formatDuration(seconds: number): string {
  if (seconds < 100) return `${Math.round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

/** A time as the reader writes it. */
export const formatTime = (iso: string): string =>
  new Date(iso).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });

const textOf = (value: unknown): string => (typeof value === "string" ? value : "");

/** An image's own name: the last part of its file's path. "" where there is none. */
export function nameOf(metadata: Metadata): string {
  const name = textOf(metadata.title) || textOf(metadata.name) || textOf(metadata.path) || textOf(metadata.file);
  return name.split(/[\\/]/).at(-1)!;
}

/** What an image is of: its label, or its folder. "" where there is none. */
export function labelOf(metadata: Metadata): string {
  return textOf(metadata.label) || textOf(metadata.folder).split(/[\\/]/).at(-1)!;
}

/** What an image is called where there is room for one name. */
export const titleOf = (metadata: Metadata): string => labelOf(metadata) || nameOf(metadata);

/** A value of the metadata as text. */
export const valueText = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));
