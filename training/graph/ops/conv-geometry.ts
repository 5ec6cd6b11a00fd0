/** How a convolution's kernel moves over its input, the same in both directions. */
export interface ConvGeometry {
  readonly stride: number;
  /** Zeros on each side. */
  readonly padding: number;
  /** Divides both channel counts. */
  readonly groups: number;
}
