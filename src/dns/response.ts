import {
  AUTHORITATIVE_ANSWER,
  encode,
  RECURSION_AVAILABLE,
  RECURSION_DESIRED,
  TRUNCATED_RESPONSE,
  type Answer,
  type DecodedPacket,
} from 'dns-packet'

/** DNS response codes (RFC 1035, 2136). */
export const responseCodes = {
  noError: 0,
  formatError: 1,
  serverFailure: 2,
  noSuchName: 3,
  notImplemented: 4,
  refused: 5,
} as const

export type ResponseCode = (typeof responseCodes)[keyof typeof responseCodes]

/** What a question is answered with, before it is put into a packet. */
export interface Resolution {
  readonly code: ResponseCode
  readonly authoritative: boolean
  readonly answers: readonly Answer[]
  readonly authorities: readonly Answer[]
  readonly additionals: readonly Answer[]
  /** Whose answer it is, by the name of the plugin, for metrics; absent when nobody's. */
  readonly plugin?: 'hosts' | 'kubernetes' | 'forward'
}

export function failed(code: ResponseCode): Resolution {
  return { code, authoritative: false, answers: [], authorities: [], additionals: [] }
}

/** Largest UDP answer for a client that does not say otherwise by EDNS. */
const plainUdpBytes = 512
/** What we take over UDP ourselves, and the most we send: safe from fragmentation. */
const ednsUdpBytes = 1232

/** The packet that answers `query`, at most as long as the client's transport takes; truncated answers say so. */
export function encodeResponse(
  query: DecodedPacket,
  resolution: Resolution,
  transport: 'udp' | 'tcp',
): Buffer {
  const option = query.additionals?.find((record) => record.type === 'OPT')
  const limitBytes = transport === 'tcp' ? 65_535 : udpLimit(option?.udpPayloadSize)
  const flags =
    RECURSION_AVAILABLE |
    (query.flag_rd ? RECURSION_DESIRED : 0) |
    (resolution.authoritative ? AUTHORITATIVE_ANSWER : 0) |
    resolution.code
  const optionAnswer: Answer[] = option
    ? [
        {
          type: 'OPT',
          name: '.',
          udpPayloadSize: ednsUdpBytes,
          extendedRcode: 0,
          ednsVersion: 0,
          flags: 0,
          flag_do: false,
          options: [],
        },
      ]
    : []
  const base = { type: 'response', id: query.id, questions: query.questions } as const

  const { answers, authorities, additionals } = resolution
  const whole = encode({
    ...base,
    flags,
    answers: [...answers],
    authorities: [...authorities],
    additionals: [...additionals, ...optionAnswer],
  })
  if (whole.length <= limitBytes) return whole
  const withoutExtras = encode({ ...base, flags, answers: [...answers], additionals: optionAnswer })
  if (withoutExtras.length <= limitBytes) return withoutExtras
  return encode({
    ...base,
    flags: flags | TRUNCATED_RESPONSE,
    answers: fitting(answers, limitBytes - headRoom(query)),
    additionals: optionAnswer,
  })
}

function udpLimit(offered: number | undefined): number {
  return Math.max(plainUdpBytes, Math.min(offered ?? plainUdpBytes, ednsUdpBytes))
}

function headRoom(query: DecodedPacket): number {
  return encode({ type: 'query', questions: query.questions }).length + 11
}

function fitting(answers: readonly Answer[], limitBytes: number): Answer[] {
  const kept: Answer[] = []
  for (const answer of answers) {
    if (encode({ type: 'response', answers: [...kept, answer] }).length - 12 > limitBytes) break
    kept.push(answer)
  }
  return kept
}
