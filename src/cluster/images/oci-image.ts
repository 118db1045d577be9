import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { imageReference } from './image-reference.ts'
import type { ImageArchitecture } from './pause-program.ts'
import { tar, type TarEntry } from './tar.ts'

/** What an image is made of. Source: OCI image format specification v1.1. */
export interface ImageContent {
  /** As a pod names it: `web:1`, `k8ts.io/pause:1`. */
  readonly name: string
  /** Default: this machine's. */
  readonly architecture?: ImageArchitecture
  /** From the bottom to the top. */
  readonly layers: readonly (readonly TarEntry[])[]
  readonly config?: ImageConfig
  /** gzips the layers: a smaller archive that takes longer to import. Default false. */
  readonly compress?: boolean
}

/** The image's `config`, in its own words. */
export interface ImageConfig {
  readonly Entrypoint?: readonly string[]
  readonly Cmd?: readonly string[]
  readonly Env?: readonly string[]
  readonly WorkingDir?: string
  readonly User?: string
  readonly ExposedPorts?: Readonly<Record<string, Record<string, never>>>
  readonly Labels?: Readonly<Record<string, string>>
  readonly StopSignal?: string
}

/** One archive in OCI layout, as `k8ts image load` and `ctr images import` read it. Equal content has equal bytes. */
export function ociArchive(content: ImageContent): Buffer {
  const blobs = new Map<string, Buffer>()
  const add = (mediaType: string, bytes: Buffer): Descriptor => {
    const digest = sha256(bytes)
    blobs.set(digest, bytes)
    return { mediaType, digest: `sha256:${digest}`, size: bytes.length }
  }
  const layers = content.layers.map((entries) => layer(entries, content.compress ?? false))
  const config = json({
    architecture: content.architecture ?? machineArchitecture(),
    os: 'linux',
    config: content.config ?? {},
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
  })
  const manifest = json({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: add('application/vnd.oci.image.config.v1+json', config),
    layers: layers.map(({ mediaType, bytes }) => add(mediaType, bytes)),
  })
  const reference = imageReference(content.name)
  const index = json({
    schemaVersion: 2,
    manifests: [
      {
        ...add('application/vnd.oci.image.manifest.v1+json', manifest),
        annotations: {
          'io.containerd.image.name': reference.full,
          'org.opencontainers.image.ref.name': reference.tag,
        },
      },
    ],
  })
  return tar([
    { path: 'oci-layout', type: 'file', content: json({ imageLayoutVersion: '1.0.0' }) },
    { path: 'index.json', type: 'file', content: index },
    { path: 'blobs', type: 'directory' },
    { path: 'blobs/sha256', type: 'directory' },
    ...[...blobs].map(([digest, bytes]): TarEntry => ({
      path: `blobs/sha256/${digest}`,
      type: 'file',
      content: bytes,
    })),
  ])
}

interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
}

function layer(entries: readonly TarEntry[], compress: boolean) {
  const archive = tar(entries)
  const mediaType = 'application/vnd.oci.image.layer.v1.tar'
  return {
    diffId: `sha256:${sha256(archive)}`,
    mediaType: compress ? `${mediaType}+gzip` : mediaType,
    bytes: compress ? gzipSync(archive) : archive,
  }
}

/** This machine's architecture; throws where no image can be made for it. */
export function machineArchitecture(): ImageArchitecture {
  if (process.arch === 'x64') return 'amd64'
  if (process.arch === 'arm64') return 'arm64'
  throw new Error(`images cannot be made for the architecture ${process.arch}`)
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}
