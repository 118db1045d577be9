import type { Answer, Question } from 'dns-packet'
import type { Logger } from '../machinery/log.ts'
import type { Random } from '../machinery/random.ts'
import { createAnswerCache } from './answer-cache.ts'
import {
  answerFromCluster,
  startOfAuthority,
  type ClusterRecords,
  type ClusterZoneOptions,
} from './cluster-zone.ts'
import {
  isBelow,
  longestZone,
  type DnsConfiguration,
  type KubernetesConfiguration,
  type ServerConfiguration,
} from './configuration.ts'
import { createForwarder, type ForwarderContext } from './forwarder.ts'
import { createHosts, fallsThrough } from './hosts.ts'
import { failed, responseCodes, type Resolution } from './response.ts'
import { renameAnswers, rewriteName } from './rewrite.ts'

export interface Resolver {
  /** Never rejects: what goes wrong is a response code. */
  resolve(question: Question): Resolution | Promise<Resolution>
  /** The zone of the server that a question for `name` goes to, as metrics name it: `example.org.`. */
  zoneOf(name: string): string
  /** Ends what is still asked elsewhere. */
  close(): void
}

export interface ResolverContext extends ForwarderContext {
  readonly records: ClusterRecords
  /** Addresses that this server is reached at. */
  readonly serverAddresses: readonly string[]
  readonly log: Logger
  /** While true, nothing is forwarded: what is comes back. */
  readonly isLooping?: () => boolean
}

/** Aliases that are followed from one another; more are left to who asked. */
const mostAliases = 8

/** Answers as a configuration says: each question by the server with the longest zone, there by the first plugin that can. */
export function createResolver({ servers }: DnsConfiguration, context: ResolverContext): Resolver {
  const byZone = new Map<string, Chain>()
  const chains = servers.map((server) => {
    const chain = createChain(server, context, (question, aliases) => resolve(question, aliases))
    for (const zone of server.zones) byZone.set(zone, chain)
    return chain
  })
  const zones = [...byZone.keys()]

  function resolve(question: Question, aliases: number): Resolution | Promise<Resolution> {
    const zone = longestZone(question.name.toLowerCase(), zones)
    return zone === undefined ? failed(responseCodes.refused) : byZone.get(zone)!.resolve(question, aliases)
  }

  return {
    resolve(question) {
      if (question.class !== undefined && question.class !== 'IN') return failed(responseCodes.refused)
      return resolve(question, 0)
    },
    zoneOf(name) {
      const zone = longestZone(name.toLowerCase(), zones)
      return zone === undefined ? 'dropped' : `${zone}.`
    },
    close() {
      for (const chain of chains) chain.close()
    },
  }
}

type Resolve = (question: Question, aliases: number) => Resolution | Promise<Resolution>

interface Chain {
  readonly resolve: Resolve
  close(): void
}

/** The plugins of one server, in the order that CoreDNS has them. */
function createChain(server: ServerConfiguration, context: ResolverContext, resolveAny: Resolve): Chain {
  const { rewrites, hosts: hostsConfiguration, kubernetes, errors, loadbalance } = server
  const hosts = hostsConfiguration && createHosts(hostsConfiguration)
  const cluster = kubernetes && createCluster(kubernetes, context)
  const cache = server.cache && createAnswerCache(server.cache, context.clock, context.metrics)
  const forwards = server.forwards.map((forward) => ({
    forward,
    forwarder: createForwarder(forward, context),
  }))

  function resolveName(question: Question, aliases: number): Resolution | Promise<Resolution> {
    const found = hosts?.(question)
    if (found) return found
    const ours = cluster?.(question)
    if (!ours) return forward(question)
    return ours.alias === undefined ? ours : followAlias(question, ours, ours.alias, aliases)
  }

  function forward(question: Question): Resolution | Promise<Resolution> {
    const name = question.name.toLowerCase()
    const chosen = forwards.find(
      ({ forward: { zone, except } }) => isBelow(name, zone) && !except.some((below) => isBelow(name, below)),
    )
    // As a chain of plugins that ends without an answer.
    if (!chosen) return failed(responseCodes.serverFailure)
    const known = cache?.get(question)
    if (known) return known
    if (context.isLooping?.()) return failed(responseCodes.serverFailure)
    return chosen.forwarder.resolve(question).then((resolution) => {
      if (errors && resolution.code === responseCodes.serverFailure && resolution.plugin === undefined) {
        context.log.error('no upstream server answered', { name, type: question.type })
      }
      return cache ? cache.keep(question, resolution) : resolution
    })
  }

  /** The alias, with what its target resolves to, so that a stub resolver need not ask again. */
  async function followAlias(
    question: Question,
    ours: Resolution,
    target: string,
    aliases: number,
  ): Promise<Resolution> {
    if (question.type === 'CNAME' || aliases >= mostAliases) return ours
    const { answers } = await resolveAny({ ...question, name: target }, aliases + 1)
    return { ...ours, answers: [...ours.answers, ...answers] }
  }

  function resolveRewritten(question: Question, aliases: number): Resolution | Promise<Resolution> {
    const asked = question.name.toLowerCase()
    const name = rewriteName(asked, rewrites)
    if (name === asked) return resolveName(question, aliases)
    const answer = resolveName({ ...question, name }, aliases)
    return after(answer, (resolution) => renameAnswers(resolution, name, question.name))
  }

  return {
    resolve(question, aliases) {
      const answer =
        rewrites.length > 0 ? resolveRewritten(question, aliases) : resolveName(question, aliases)
      return loadbalance ? after(answer, (resolution) => shuffled(resolution, context.random)) : answer
    },
    close() {
      for (const { forwarder } of forwards) forwarder.close()
    },
  }
}

function after(
  answer: Resolution | Promise<Resolution>,
  change: (resolution: Resolution) => Resolution,
): Resolution | Promise<Resolution> {
  return answer instanceof Promise ? answer.then(change) : change(answer)
}

interface ClusterResolution extends Resolution {
  /** Where the answer, an alias, leads. */
  readonly alias?: string
}

/** Answers from the cluster's records; undefined: the question is for what comes next. */
function createCluster(
  { zones, pods, ttlSeconds, fallthrough }: KubernetesConfiguration,
  context: ResolverContext,
) {
  const { records, serverAddresses } = context
  const domains = zones.filter((zone) => !isReverse(zone))
  const optionsOf = (clusterDomain: string): ClusterZoneOptions => {
    return { clusterDomain, ttlSeconds, serverAddresses, pods }
  }
  // Reverse names lead to names in the first of the domains.
  const places = new Map(
    zones.map((zone) => {
      const options = optionsOf(isReverse(zone) ? (domains[0] ?? '') : zone)
      return [zone, { options, authorities: [startOfAuthority({ ...options, clusterDomain: zone })] }]
    }),
  )

  return (question: Question): ClusterResolution | undefined => {
    const name = question.name.toLowerCase()
    const zone = longestZone(name, zones)
    if (zone === undefined) return undefined
    const { options, authorities } = places.get(zone)!
    const answer = answerFromCluster(question, records, options)
    switch (answer.type) {
      case 'elsewhere':
      case 'noSuchName':
        return fallsThrough(fallthrough, name)
          ? undefined
          : { ...authoritative, code: responseCodes.noSuchName, authorities }
      case 'records': {
        const { answers, additionals } = answer
        return {
          ...authoritative,
          answers,
          additionals,
          authorities: answers.length === 0 ? authorities : [],
        }
      }
      case 'alias':
        return { ...authoritative, answers: [answer.answer], alias: answer.target }
    }
  }
}

function isReverse(zone: string): boolean {
  return isBelow(zone, 'in-addr.arpa') || isBelow(zone, 'ip6.arpa')
}

/** Aliases stay in front; the addresses behind them come in another order each time. */
function shuffled(resolution: Resolution, random: Random): Resolution {
  const { answers } = resolution
  const isAddress = ({ type }: Answer) => type === 'A' || type === 'AAAA' || type === 'MX'
  if (answers.length < 2 || answers.filter(isAddress).length < 2) return resolution
  const addresses = answers.filter(isAddress)
  for (let index = addresses.length - 1; index > 0; index--) {
    const other = Math.floor(random.next() * (index + 1))
    ;[addresses[index], addresses[other]] = [addresses[other]!, addresses[index]!]
  }
  return { ...resolution, answers: [...answers.filter((answer) => !isAddress(answer)), ...addresses] }
}

const authoritative: Resolution = {
  code: responseCodes.noError,
  authoritative: true,
  answers: [],
  authorities: [],
  additionals: [],
  plugin: 'kubernetes',
}
