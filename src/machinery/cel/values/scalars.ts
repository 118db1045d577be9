/** An int of JSON; undefined for anything else. */
export function integerOf(raw: unknown): bigint | undefined {
  if (typeof raw === 'number' && Number.isInteger(raw)) return BigInt(raw)
  return typeof raw === 'bigint' ? raw : undefined
}

/** Bytes in base64; undefined for anything else. */
export function bytesOf(raw: unknown): Uint8Array | undefined {
  if (typeof raw !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(raw) || raw.length % 4 !== 0) return undefined
  return new Uint8Array(Buffer.from(raw, 'base64'))
}
