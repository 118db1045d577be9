import { isIP } from 'node:net'
import type {
  CacheConfiguration,
  CacheLimits,
  DnsConfiguration,
  ForwardConfiguration,
  ListenAddress,
  Rewrite,
  ServerConfiguration,
} from '../configuration.ts'
import { CorefileError } from './corefile-error.ts'
import { parseCorefile, type Directive, type ServerBlock } from './parse-corefile.ts'
import { readForward } from './read-forward.ts'
import { readHosts, readKubernetes, readRewrite } from './read-names.ts'
import { durationMs, only, wholeNumber } from './words.ts'
import { zonesOf } from './zones.ts'

export interface CorefileOptions {
  /** What `/etc/resolv.conf` names. */
  readonly nameServers: () => readonly string[]
  /** What stands beside the Corefile in its ConfigMap. */
  readonly files?: Readonly<Record<string, string>>
}

/** Understands a Corefile. What is not supported is an error, never passed over. Throws CorefileError. */
export function compileCorefile(text: string, options: CorefileOptions): DnsConfiguration {
  const servers = parseCorefile(text).map((block) => compileServer(block, options))
  if (servers.length === 0) throw new CorefileError(1, 'there is no server')
  const seen = new Set<string>()
  for (const zone of servers.flatMap(({ zones }) => zones)) {
    if (seen.has(zone)) throw new CorefileError(1, `zone '${zone}.' has two servers`)
    seen.add(zone)
  }
  return { servers }
}

function compileServer(
  { keys, directives, line }: ServerBlock,
  options: CorefileOptions,
): ServerConfiguration {
  const zones = keys.flatMap((key) => zonesOf(zoneOfKey(key, line), line))
  const rewrites: Rewrite[] = []
  const forwards: ForwardConfiguration[] = []
  const parts: Partial<ServerConfiguration> = {}
  const seen = new Set<string>()
  for (const directive of directives) {
    const { name, line: at } = directive
    if (name === 'rewrite') rewrites.push(readRewrite(directive))
    else if (name === 'forward') forwards.push(readForward(directive, options.nameServers))
    else {
      if (seen.has(name)) throw new CorefileError(at, `'${name}' may stand in a server once`)
      seen.add(name)
      Object.assign(parts, readOnce(directive, zones, options))
    }
  }
  return { errors: false, log: false, loadbalance: false, loop: false, ...parts, zones, rewrites, forwards }
}

/** `dns://zone:53`: the port is the server's own whatever it listens at, and another one is refused. */
function zoneOfKey(key: string, line: number): string {
  const [, transport, zone = '', port] = /^(?:([a-z]+):\/\/)?(.*?)(?::(\d+))?$/.exec(key) ?? []
  if (transport !== undefined && transport !== 'dns') {
    throw new CorefileError(line, `'${key}': ${transport} is not supported, only dns`)
  }
  if (port !== undefined && port !== '53') throw new CorefileError(line, `'${key}': only port 53 is served`)
  return zone === '' ? '.' : zone
}

function readOnce(
  directive: Directive,
  zones: readonly string[],
  { files = {} }: CorefileOptions,
): Partial<ServerConfiguration> {
  switch (directive.name) {
    case 'errors':
      only(directive, 0)
      return { errors: true }
    case 'log':
      only(directive, 0)
      return { log: true }
    case 'health':
      return { health: { ...listenAddress(directive, 8080), lameduckMs: lameduckMs(directive) } }
    case 'ready':
      only(directive, 0, 1)
      return { ready: listenAddress(directive, 8181) }
    case 'prometheus':
      only(directive, 0, 1)
      return {
        prometheus:
          directive.args.length > 0 ? listenAddress(directive, 9153) : { address: '127.0.0.1', port: 9153 },
      }
    case 'loadbalance':
      if ((only(directive, 0, 1)[0] ?? 'round_robin') === 'round_robin') return { loadbalance: true }
      throw new CorefileError(directive.line, `loadbalance '${directive.args[0]}' is not supported`)
    case 'cache':
      return { cache: readCache(directive, zones) }
    case 'hosts':
      return { hosts: readHosts(directive, zones, files) }
    case 'kubernetes':
      return { kubernetes: readKubernetes(directive, zones) }
    case 'loop':
      only(directive, 0)
      return { loop: true }
    case 'reload':
      // Changes are seen as they are made.
      for (const word of only(directive, 0, 2)) durationMs(directive, word)
      return {}
    default:
      throw new CorefileError(directive.line, `plugin '${directive.name}' is not supported`)
  }
}

function listenAddress({ name, args, line }: Directive, defaultPort: number): ListenAddress {
  const [word] = args
  if (word === undefined) return { port: defaultPort }
  const [, inBrackets, bare, port = ''] = /^(?:\[([^\]]+)\]|([^:]*)):(\d+)$/.exec(word) ?? []
  const text = inBrackets ?? bare
  const address = text === 'localhost' ? '127.0.0.1' : text
  const isPort = Number(port) >= 1 && Number(port) <= 65_535
  if (address === undefined || !isPort || (address !== '' && !isIP(address))) {
    throw new CorefileError(line, `'${word}' in ${name} is no ADDRESS:PORT`)
  }
  return { port: Number(port), ...(address !== '' && { address }) }
}

function lameduckMs({ args, block, line }: Directive): number {
  if (args.length > 1) throw new CorefileError(line, `'health' takes one address`)
  let milliseconds = 0
  for (const option of block) {
    if (option.name !== 'lameduck') {
      throw new CorefileError(option.line, `'${option.name}' in health is not supported`)
    }
    milliseconds = durationMs(option, only(option, 1)[0])
  }
  return milliseconds
}

/** `cache [TTL] [ZONES...] { success CAPACITY [TTL] [MINTTL], denial ..., servfail DURATION }`. */
function readCache(directive: Directive, serverZones: readonly string[]): CacheConfiguration {
  const { args, block, line } = directive
  const hasTtl = /^\d+$/.test(args[0] ?? '')
  const ttl = hasTtl ? wholeNumber(directive, args[0], 86_400) : undefined
  if (ttl === 0) throw new CorefileError(line, 'the TTL of cache must not be 0')
  const zoneWords = args.slice(hasTtl ? 1 : 0)
  let success: CacheLimits = { capacity: 9984, maxTtlSeconds: ttl ?? 3600, minTtlSeconds: 5 }
  let denial: CacheLimits = { capacity: 9984, maxTtlSeconds: ttl ?? 1800, minTtlSeconds: 5 }
  let servfailSeconds = 5
  const disabled = { success: [] as string[], denial: [] as string[] }
  for (const option of block) {
    if (option.name === 'success') success = cacheLimits(option, success)
    else if (option.name === 'denial') denial = cacheLimits(option, denial)
    else if (option.name === 'disable') disableCache(option, disabled)
    else if (option.name === 'servfail') servfailSeconds = durationMs(option, only(option, 1)[0]) / 1000
    else throw new CorefileError(option.line, `'${option.name}' in cache is not supported`)
  }
  if (servfailSeconds > 300) throw new CorefileError(line, 'servfail in cache is longer than 5m')
  const zones = zoneWords.length > 0 ? zoneWords.flatMap((word) => zonesOf(word, line)) : serverZones
  return { zones, success, denial, servfailSeconds, disabled }
}

function disableCache(option: Directive, disabled: { success: string[]; denial: string[] }): void {
  const [kind, ...words] = only(option, 1, Infinity)
  if (kind !== 'success' && kind !== 'denial') {
    throw new CorefileError(option.line, `'disable' takes success or denial, not '${kind}'`)
  }
  disabled[kind].push(...(words.length === 0 ? [''] : words.flatMap((word) => zonesOf(word, option.line))))
}

function cacheLimits(option: Directive, { maxTtlSeconds, minTtlSeconds }: CacheLimits): CacheLimits {
  const [capacity, most, least] = only(option, 1, 3)
  const seconds = (word: string | undefined, otherwise: number) =>
    word === undefined ? otherwise : wholeNumber(option, word, 86_400)
  return {
    capacity: Math.max(1024, wholeNumber(option, capacity)),
    maxTtlSeconds: seconds(most, maxTtlSeconds),
    minTtlSeconds: seconds(least, minTtlSeconds),
  }
}
