// Parsers for options that are numbers.
import { InvalidArgumentError } from "commander";

/** A number above 0, as commander parses options. */
export function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0) || !Number.isFinite(value)) throw new InvalidArgumentError("Expected a number above 0.");
  return value;
}

/** A whole number above 0, as commander parses options. */
export function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError("Expected a whole number above 0.");
  return value;
}

/** Three numbers with commas between them, such as 0.485,0.456,0.406. */
export function three(text: string): [number, number, number] {
  const values = text.split(",").map(Number);
  const [r, g, b] = values;
  if (values.length !== 3 || r === undefined || g === undefined || b === undefined || !values.every(Number.isFinite)) {
    throw new InvalidArgumentError("Expected three numbers such as 0.485,0.456,0.406.");
  }
  return [r, g, b];
}
