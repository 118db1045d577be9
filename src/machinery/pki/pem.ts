/** One block of a PEM text (RFC 7468): `-----BEGIN label-----`. */
export interface PemBlock {
  /** `CERTIFICATE`, `PRIVATE KEY`, `CERTIFICATE REQUEST`, ... */
  readonly label: string
  readonly der: Buffer
  /** Lines of `Key: value` stand before its content (RFC 1421). */
  readonly hasHeaders: boolean
}

const block =
  /-----BEGIN ([^-\n]+)-----[ \t]*\r?\n((?:[^\n:]+:[^\n]*\n)*)([A-Za-z0-9+/=\s]*)-----END \1-----/g
const wholeBase64 = /^[A-Za-z0-9+/]*={0,2}$/

/** All blocks of a text, in order; what stands between them, and what is not base64, is ignored. */
export function decodePem(text: string): readonly PemBlock[] {
  return [...text.matchAll(block)].flatMap(([, label = '', headers = '', content = '']) => {
    const base64 = content.replaceAll(/\s/g, '')
    if (base64.length % 4 !== 0 || !wholeBase64.test(base64)) return []
    return [{ label, der: Buffer.from(base64, 'base64'), hasHeaders: headers !== '' }]
  })
}

export function encodePem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.map((line) => `${line}\n`).join('')}-----END ${label}-----\n`
}
