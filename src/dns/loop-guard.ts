import type { Question } from 'dns-packet'
import type { Logger } from '../machinery/log.ts'
import type { Random } from '../machinery/random.ts'
import type { DnsConfiguration } from './configuration.ts'
import type { Resolver } from './resolver.ts'

/** Asks each server that is to look for loops, once, for a name that nobody else knows. Source: CoreDNS plugin/loop. */
export interface LoopGuard {
  /** Sends the questions; they come back only where an upstream server leads here. */
  look(configuration: DnsConfiguration, resolver: Resolver): void
  /** To be told of every question that came from outside. */
  see(question: Question): void
  isLooping(): boolean
}

export function createLoopGuard(random: Random, log: Logger): LoopGuard {
  const names = new Set<string>()
  let looping = false
  const label = () => String(Math.floor(random.next() * 2 ** 48))

  return {
    look({ servers }, resolver) {
      names.clear()
      looping = false
      for (const zone of servers.flatMap((server) => (server.loop ? server.zones : []))) {
        const name = [label(), label(), ...(zone === '' ? [] : [zone])].join('.')
        names.add(name)
        void resolver.resolve({ type: 'HINFO', name })
      }
    },
    see({ type, name }) {
      if (type !== 'HINFO' || looping || !names.has(name.toLowerCase())) return
      looping = true
      log.error('questions to upstream servers come back: none are sent until the configuration changes')
    },
    isLooping: () => looping,
  }
}
