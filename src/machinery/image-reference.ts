/** The registry and the rest of an image's name; `docker.io` where none is named. */
export interface ImageReference {
  readonly registry: string
  /** Without tag and digest: `library/busybox`. */
  readonly repository: string
  readonly tag?: string
  readonly digest?: string
}

const component = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*'
const domain = '(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?'
const grammar = new RegExp(
  `^(?:(${domain})/)?(${component}(?:/${component})*)(?::([\\w][\\w.-]{0,127}))?(?:@([A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}))?$`,
)

/** A name of 255 characters with a tag and a digest; what is longer is not looked at. */
const maxLength = 1024
/** What could be taken for the identifier of an image is no name. */
const identifier = /^[a-f0-9]{64}$/

/** Parses as docker's reference package: the first part is a registry when it looks like a host. Undefined for no name. */
export function parseImageReference(image: string): ImageReference | undefined {
  if (image.length > maxLength || identifier.test(image)) return undefined
  const match = grammar.exec(image)
  if (!match) return undefined
  let [, registry, repository, tag, digest] = match as unknown as [string, string?, string?, string?, string?]
  if (repository === undefined) return undefined
  if (registry !== undefined && !looksLikeHost(registry)) {
    repository = `${registry}/${repository}`
    registry = undefined
  }
  if (registry === undefined || registry === 'index.docker.io') {
    registry = 'docker.io'
    if (!repository.includes('/')) repository = `library/${repository}`
  }
  return { registry, repository, ...(tag !== undefined && { tag }), ...(digest !== undefined && { digest }) }
}

/** Capitals are for hosts alone. */
function looksLikeHost(part: string): boolean {
  return /[.:]/.test(part) || part === 'localhost' || part !== part.toLowerCase()
}

/** Why the text is no image name, in the words of docker's reference package. */
export function imageNameProblem(image: string): string {
  if (identifier.test(image)) {
    return `invalid repository name (${image}), cannot specify 64-byte hexadecimal strings`
  }
  const slash = image.indexOf('/')
  const rest = slash > 0 && looksLikeHost(image.slice(0, slash)) ? image.slice(slash + 1) : image
  const [name = ''] = rest.split(':')
  if (name === name.toLowerCase()) return 'invalid reference format'
  const repository = slash < 0 ? `library/${name}` : name
  return `invalid reference format: repository name (${repository}) must be lowercase`
}

/** Names that a runtime may list the image under: as given, and with registry and tag in full. */
export function namesOf(image: string): readonly string[] {
  const tagged = withDefaultTag(image)
  const reference = tagged === undefined ? undefined : parseImageReference(tagged)
  if (tagged === undefined || reference === undefined) return [image]
  const { registry, repository, tag, digest } = reference
  const name = `${registry}/${repository}`
  return [
    image,
    tagged,
    ...(tag === undefined ? [] : [`${name}:${tag}`]),
    ...(digest === undefined ? [] : [`${name}@${digest}`]),
  ]
}

/** The image with `:latest` where it has neither tag nor digest; undefined for what is no image name. */
export function withDefaultTag(image: string): string | undefined {
  const reference = parseImageReference(image)
  if (reference === undefined) return undefined
  return reference.tag === undefined && reference.digest === undefined ? `${image}:latest` : image
}

/** Whether it means the newest image of its name: a tag that is `latest`, or neither tag nor digest. */
export function isLatestImage(image: string): boolean {
  const reference = parseImageReference(image)
  if (!reference) return false
  return reference.tag === undefined ? reference.digest === undefined : reference.tag === 'latest'
}
