import { isIP } from 'node:net'
import type { ForwardConfiguration, UpstreamAddress } from '../configuration.ts'
import { CorefileError } from './corefile-error.ts'
import type { Directive } from './parse-corefile.ts'
import { durationMs, only, wholeNumber } from './words.ts'
import { zonesOf } from './zones.ts'

const mostUpstreams = 15

/** `forward FROM TO... { ... }`. Servers are asked by DNS over UDP and TCP; `tls://` is refused. */
export function readForward(
  directive: Directive,
  nameServers: () => readonly string[],
): ForwardConfiguration {
  const { args, block, line } = directive
  const [from, ...to] = args
  if (from === undefined || to.length === 0) throw new CorefileError(line, 'forward needs a zone and servers')
  const upstreams = to.flatMap((word) => upstreamsOf(word, line, nameServers))
  if (upstreams.length > mostUpstreams) {
    throw new CorefileError(line, `forward has ${upstreams.length} servers, more than ${mostUpstreams}`)
  }
  const result = {
    zone: zonesOf(from, line)[0]!,
    except: [] as string[],
    upstreams,
    policy: 'random' as ForwardConfiguration['policy'],
    forceTcp: false,
    maxConcurrent: 0,
    maxFails: 2,
    healthCheckMs: 500,
  }
  for (const option of block) {
    switch (option.name) {
      case 'except':
        if (option.args.length === 0) throw new CorefileError(option.line, 'except needs a zone')
        result.except.push(...option.args.flatMap((word) => zonesOf(word, option.line)))
        break
      case 'force_tcp':
        only(option, 0)
        result.forceTcp = true
        break
      case 'prefer_udp':
        only(option, 0)
        // What is always done, unless force_tcp says otherwise.
        break
      case 'policy':
        result.policy = policyOf(option)
        break
      case 'max_concurrent':
        result.maxConcurrent = wholeNumber(option, only(option, 1)[0])
        break
      case 'max_fails':
        result.maxFails = wholeNumber(option, only(option, 1)[0])
        break
      case 'health_check':
        result.healthCheckMs = durationMs(option, only(option, 1)[0]) || 500
        break
      case 'expire':
        // Sockets are not kept between questions: nothing can outlive it.
        durationMs(option, only(option, 1)[0])
        break
      default:
        throw new CorefileError(option.line, `'${option.name}' in forward is not supported`)
    }
  }
  return result
}

function policyOf(option: Directive): ForwardConfiguration['policy'] {
  const [word] = only(option, 1)
  if (word === 'random' || word === 'round_robin' || word === 'sequential') return word
  throw new CorefileError(option.line, `'${word}' is no policy; there are random, round_robin and sequential`)
}

function upstreamsOf(word: string, line: number, nameServers: () => readonly string[]): UpstreamAddress[] {
  if (word === '/etc/resolv.conf') return nameServers().map((address) => ({ address, port: 53 }))
  const text = word.replace(/^dns:\/\//, '')
  const [, inBrackets, bare, port] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(text) ?? []
  const address = isIP(text) ? text : (inBrackets ?? bare)
  const number = isIP(text) || port === undefined ? 53 : Number(port)
  if (address === undefined || !isIP(address) || number < 1 || number > 65_535) {
    const what = 'is no address of a DNS server; IP, IP:PORT and /etc/resolv.conf are supported'
    throw new CorefileError(line, `'${word}' ${what}`)
  }
  return [{ address, port: number }]
}
