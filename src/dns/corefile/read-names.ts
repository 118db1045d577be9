import { isIP } from 'node:net'
import type { Fallthrough, HostsConfiguration, KubernetesConfiguration, Rewrite } from '../configuration.ts'
import { CorefileError } from './corefile-error.ts'
import type { Directive } from './parse-corefile.ts'
import { only, wholeNumber } from './words.ts'
import { zonesOf } from './zones.ts'

/** `kubernetes [ZONES...] { pods MODE, ttl SECONDS, fallthrough [ZONES...] }`. */
export function readKubernetes(
  { args, block, line }: Directive,
  serverZones: readonly string[],
): KubernetesConfiguration {
  const zones = args.length > 0 ? args.flatMap((word) => zonesOf(word, line)) : serverZones
  let pods: KubernetesConfiguration['pods'] = 'disabled'
  let ttlSeconds = 5
  let fallthrough: Fallthrough
  for (const option of block) {
    if (option.name === 'pods') pods = podMode(option)
    else if (option.name === 'ttl') ttlSeconds = wholeNumber(option, only(option, 1)[0], 3600)
    else if (option.name === 'fallthrough') fallthrough = fallthroughOf(option)
    else throw new CorefileError(option.line, `'${option.name}' in kubernetes is not supported`)
  }
  return { zones, pods, ttlSeconds, fallthrough }
}

function podMode(option: Directive): KubernetesConfiguration['pods'] {
  const [word] = only(option, 1)
  if (word === 'disabled' || word === 'insecure' || word === 'verified') return word
  throw new CorefileError(
    option.line,
    `'${word}' is not how pods are answered for: disabled, insecure, verified`,
  )
}

function fallthroughOf(option: Directive): readonly string[] {
  const words = only(option, 0, Infinity)
  return words.length === 0 ? [''] : words.flatMap((word) => zonesOf(word, option.line))
}

/** Where CoreDNS's pod mounts its ConfigMap: other keys of it are files there. */
const mountedAt = '/etc/coredns/'

/** `hosts [FILE [ZONES...]] { entries, ttl SECONDS, no_reverse, fallthrough [ZONES...] }`; FILE is a key of the ConfigMap. */
export function readHosts(
  { args, block, line }: Directive,
  serverZones: readonly string[],
  files: Readonly<Record<string, string>>,
): HostsConfiguration {
  const [file, ...zoneWords] = args
  const entries: HostsConfiguration['entries'][number][] = []
  let ttlSeconds = 3600
  let reverse = true
  let fallthrough: Fallthrough
  for (const option of block) {
    if (option.name === 'ttl') ttlSeconds = wholeNumber(option, only(option, 1)[0], 65_535)
    else if (option.name === 'fallthrough') fallthrough = fallthroughOf(option)
    else if (option.name === 'reload') only(option, 1)
    else if (option.name === 'no_reverse') {
      only(option, 0)
      reverse = false
    } else entries.push(hostsEntry(option.name, only(option, 1, Infinity), option.line))
  }
  if (file !== undefined) entries.push(...fileEntries(file, files, line))
  const zones = zoneWords.length > 0 ? zoneWords.flatMap((word) => zonesOf(word, line)) : serverZones
  return { zones, entries, ttlSeconds, reverse, fallthrough }
}

function hostsEntry(address: string, names: readonly string[], line: number) {
  if (!isIP(address))
    throw new CorefileError(line, `'${address}' in hosts is neither an address nor an option`)
  return { address, names: names.map((name) => name.toLowerCase().replace(/\.$/, '')) }
}

function fileEntries(path: string, files: Readonly<Record<string, string>>, line: number) {
  const text = path.startsWith(mountedAt) ? files[path.slice(mountedAt.length)] : undefined
  if (text === undefined) {
    throw new CorefileError(line, `'${path}' is no key of the ConfigMap, whose keys are below ${mountedAt}`)
  }
  return text.split('\n').flatMap((source) => {
    const [address, ...names] = source.replace(/#.*/, '').split(/\s+/).filter(Boolean)
    // As in /etc/hosts, a line that says nothing is passed over.
    return address === undefined || !isIP(address) ? [] : [hostsEntry(address, names, line)]
  })
}

/** `rewrite [continue|stop] name [exact|prefix|suffix|substring] FROM TO [answer auto]`. */
export function readRewrite(directive: Directive): Rewrite {
  const { line } = directive
  const words = [...only(directive, 1, Infinity)]
  const mode = words[0] === 'continue' || words[0] === 'stop' ? words.shift() : 'stop'
  const field = words.shift()
  if (field !== 'name') throw new CorefileError(line, `rewrite of '${field}' is not supported, only of name`)
  const match = words.length > 2 && !isAnswerAuto(words.slice(2)) ? words.shift() : 'exact'
  const [from, to, ...rest] = words
  if (match !== 'exact' && match !== 'prefix' && match !== 'suffix' && match !== 'substring') {
    throw new CorefileError(
      line,
      `rewrite by '${match}' is not supported: exact, prefix, suffix and substring are`,
    )
  }
  if (from === undefined || to === undefined) throw new CorefileError(line, 'rewrite needs two names')
  if (rest.length > 0 && !isAnswerAuto(rest)) {
    throw new CorefileError(
      line,
      `'${rest.join(' ')}' in rewrite is not supported: answers are always named as asked`,
    )
  }
  const plain = (name: string) => name.toLowerCase().replace(/\.$/, '')
  return { match, from: plain(from), to: plain(to), continues: mode === 'continue' }
}

function isAnswerAuto(words: readonly string[]): boolean {
  return words.length === 2 && words[0] === 'answer' && words[1] === 'auto'
}
