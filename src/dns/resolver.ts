import type { Question } from 'dns-packet'
import {
  answerFromCluster,
  startOfAuthority,
  type ClusterRecords,
  type ClusterZoneOptions,
} from './cluster-zone.ts'
import type { Forwarder } from './forwarder.ts'
import { failed, responseCodes, type Resolution } from './response.ts'

export interface Resolver {
  /** Never rejects: what goes wrong is a response code. */
  resolve(question: Question): Resolution | Promise<Resolution>
}

/** Answers from the cluster's records first, and asks upstream about the rest. */
export function createResolver(
  records: ClusterRecords,
  forwarder: Forwarder,
  options: ClusterZoneOptions,
): Resolver {
  const authority = [startOfAuthority(options)]

  return {
    resolve(question) {
      if (question.class !== undefined && question.class !== 'IN') return failed(responseCodes.refused)
      const answer = answerFromCluster(question, records, options)
      switch (answer.type) {
        case 'elsewhere':
          return forwarder.resolve(question)
        case 'noSuchName':
          return { ...authoritative, code: responseCodes.noSuchName, authorities: authority }
        case 'records':
          return { ...authoritative, ...answer, authorities: answer.answers.length === 0 ? authority : [] }
        case 'alias':
          return resolveAlias(question, answer.answer, answer.target)
      }
    },
  }

  /** The alias, with what its target resolves to, so that a stub resolver need not ask again. */
  async function resolveAlias(
    question: Question,
    alias: Resolution['answers'][number],
    target: string,
  ): Promise<Resolution> {
    const answers = [alias]
    if (question.type === 'CNAME') return { ...authoritative, answers }
    const inZone = answerFromCluster({ ...question, name: target }, records, options)
    if (inZone.type === 'records') return { ...authoritative, answers: [...answers, ...inZone.answers] }
    if (inZone.type !== 'elsewhere') return { ...authoritative, answers }
    const outside = await forwarder.resolve({ ...question, name: target })
    return { ...authoritative, answers: [...answers, ...outside.answers] }
  }
}

const authoritative: Resolution = {
  code: responseCodes.noError,
  authoritative: true,
  answers: [],
  authorities: [],
  additionals: [],
}
