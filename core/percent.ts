/** A share of 1 for people: 0.123 → "12.3 %". */
export const percent = (share: number, digits = 1): string => `${(100 * share).toFixed(digits)} %`;
