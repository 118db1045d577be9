/** The name of an image as container runtimes keep it, with nothing left out. */
export interface ImageReference {
  /** `docker.io/library/web:1` */
  readonly full: string
  /** `1` */
  readonly tag: string
}

/** What `web`, `web:1` or `example.org/team/web:1` means: Docker's defaults for registry, folder and tag. */
export function imageReference(name: string): ImageReference {
  const colon = name.lastIndexOf(':')
  const tagged = colon > name.lastIndexOf('/')
  const [path, tag] = tagged ? [name.slice(0, colon), name.slice(colon + 1)] : [name, 'latest']
  const first = path.split('/')[0] ?? ''
  const hasRegistry = path.includes('/') && (/[.:]/.test(first) || first === 'localhost')
  const folder = path.includes('/') ? path : `library/${path}`
  return { full: `${hasRegistry ? path : `docker.io/${folder}`}:${tag}`, tag }
}
