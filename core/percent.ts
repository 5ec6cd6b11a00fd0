/**
 * A share as people read it: 0.972 as "97.2 %".
 *
 * @param digits After the point. @default 1
 */
export function percent(share: number, digits = 1): string {
  return `${(100 * share).toFixed(digits)} %`;
}
