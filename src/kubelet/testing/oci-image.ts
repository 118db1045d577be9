import { createHash } from 'node:crypto'

/** A file of an image; a string beginning with `->` is a symlink. */
export interface ImageFile {
  readonly path: string
  readonly content: Uint8Array | `->${string}`
  readonly mode?: number
}

export interface ImageDefinition {
  /** With registry and tag: `registry.k8s.io/pause:3.6`. */
  readonly name: string
  readonly files: readonly ImageFile[]
  readonly entrypoint?: readonly string[]
  readonly command?: readonly string[]
  readonly user?: string
}

/** The documents of an image of one layer. */
export interface ImageDocuments {
  readonly manifest: Buffer
  readonly config: Buffer
  readonly layer: Buffer
}

export const manifestType = 'application/vnd.oci.image.manifest.v1+json'

export function imageDocuments(image: ImageDefinition): ImageDocuments {
  const layer = tar(image.files)
  const config = json({
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    config: {
      Entrypoint: image.entrypoint ?? [],
      Cmd: image.command ?? [],
      Env: ['PATH=/bin'],
      ...(image.user !== undefined && { User: image.user }),
    },
    rootfs: { type: 'layers', diff_ids: [digest(layer)] },
  })
  const manifest = json({
    schemaVersion: 2,
    mediaType: manifestType,
    config: descriptor('application/vnd.oci.image.config.v1+json', config),
    layers: [descriptor('application/vnd.oci.image.layer.v1.tar', layer)],
  })
  return { manifest, config, layer }
}

/** An OCI archive with the image, as `ctr images import` takes it. */
export function ociArchive(image: ImageDefinition): Buffer {
  const { manifest, config, layer } = imageDocuments(image)
  const index = json({
    schemaVersion: 2,
    manifests: [
      {
        ...descriptor(manifestType, manifest),
        annotations: { 'io.containerd.image.name': image.name },
      },
    ],
  })
  return tar([
    { path: 'oci-layout', content: json({ imageLayoutVersion: '1.0.0' }) },
    { path: 'index.json', content: index },
    ...[layer, config, manifest].map((content) => ({
      path: `blobs/sha256/${digest(content).slice(7)}`,
      content,
    })),
  ])
}

function descriptor(mediaType: string, content: Buffer) {
  return { mediaType, digest: digest(content), size: content.length }
}

export function digest(content: Buffer): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}

const block = 512

function tar(files: readonly ImageFile[]): Buffer {
  const parts: Buffer[] = []
  for (const { path, content, mode = 0o644 } of files) {
    const isLink = typeof content === 'string'
    const isDirectory = path.endsWith('/')
    const body = isLink ? Buffer.alloc(0) : Buffer.from(content)
    const header = Buffer.alloc(block)
    header.write(path, 0)
    header.write(`${mode.toString(8).padStart(7, '0')}\0`, 100)
    header.write('0000000\0', 108)
    header.write('0000000\0', 116)
    header.write(`${body.length.toString(8).padStart(11, '0')}\0`, 124)
    header.write('00000000000\0', 136)
    header.write('        ', 148)
    header.write(isLink ? '2' : isDirectory ? '5' : '0', 156)
    if (isLink) header.write(content.slice(2), 157)
    header.write('ustar\u000000', 257)
    const sum = header.reduce((total, byte) => total + byte, 0)
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
    parts.push(header, body, Buffer.alloc((block - (body.length % block)) % block))
  }
  return Buffer.concat([...parts, Buffer.alloc(2 * block)])
}
