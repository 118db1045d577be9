import type { Answer, Question } from 'dns-packet'
import { isBelow, longestZone, type Fallthrough, type HostsConfiguration } from './configuration.ts'
import { addressOfReverseName, canonicalAddress } from './reverse-name.ts'
import { failed, responseCodes, type Resolution } from './response.ts'

/** Answers from a table of names; undefined: the question is for what comes next. Source: CoreDNS plugin/hosts. */
export type Hosts = (question: Question) => Resolution | undefined

export function createHosts(configuration: HostsConfiguration): Hosts {
  const { zones, entries, ttlSeconds, reverse, fallthrough } = configuration
  const addressesOf = new Map<string, string[]>()
  const namesOf = new Map<string, string[]>()
  for (const { address, names } of entries) {
    for (const name of names) {
      append(addressesOf, name, address)
      if (reverse && !name.startsWith('*.')) append(namesOf, canonicalAddress(address), name)
    }
  }

  function answersOf({ name: asked, type }: Question, name: string): Answer[] | undefined {
    const address = addressOfReverseName(name)
    if (address !== undefined) {
      const names = namesOf.get(address)
      const isPointer = type === 'PTR'
      return names?.flatMap((data) => (isPointer ? [{ type, name: asked, ttl: ttlSeconds, data }] : []))
    }
    const addresses = addressesOf.get(name) ?? addressesOf.get(name.replace(/^[^.]+/, '*'))
    return addresses
      ?.map<Answer>((data) => ({
        type: data.includes(':') ? 'AAAA' : 'A',
        name: asked,
        ttl: ttlSeconds,
        data,
      }))
      .filter((answer) => answer.type === type)
  }

  return (question) => {
    const name = question.name.toLowerCase()
    if (longestZone(name, zones) === undefined) return undefined
    const answers = answersOf(question, name)
    if (answers) return { ...failed(responseCodes.noError), authoritative: true, answers, plugin: 'hosts' }
    if (fallsThrough(fallthrough, name)) return undefined
    return { ...failed(responseCodes.noSuchName), authoritative: true, plugin: 'hosts' }
  }
}

export function fallsThrough(zones: Fallthrough, name: string): boolean {
  return zones?.some((zone) => isBelow(name, zone)) === true
}

function append(map: Map<string, string[]>, key: string, value: string): void {
  const list = map.get(key)
  if (!list) map.set(key, [value])
  else if (!list.includes(value)) list.push(value)
}
