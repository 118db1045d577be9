/** One block of a PEM text (RFC 7468): `-----BEGIN label-----`. */
export interface PemBlock {
  /** `CERTIFICATE`, `PRIVATE KEY`, `CERTIFICATE REQUEST`, ... */
  readonly label: string
  readonly der: Buffer
}

const block = /-----BEGIN ([^-\n]+)-----\r?\n([A-Za-z0-9+/=\s]*)-----END \1-----/g

/** All blocks of a text, in order; what stands between them is ignored. */
export function decodePem(text: string): readonly PemBlock[] {
  return [...text.matchAll(block)].map(([, label = '', base64 = '']) => ({
    label,
    der: Buffer.from(base64, 'base64'),
  }))
}

export function encodePem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.map((line) => `${line}\n`).join('')}-----END ${label}-----\n`
}
