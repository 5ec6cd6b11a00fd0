// Vectors as pgvector reads and writes them. Its text gives each float32 back exactly.

/** `[0.1,0.2]` */
export const asText = (vector: Float32Array): string => `[${vector.join()}]`;

export const asVector = (text: string): Float32Array => Float32Array.from(JSON.parse(text) as number[]);
