import type { AdmissionRequest } from '../../../src/api/generated/admission.v1.ts'

/** The parts of a review that a webhook reads and writes. */
export interface Review {
  readonly request?: AdmissionRequest
}

interface Answer {
  readonly allowed: boolean
  readonly status?: { readonly message: string; readonly code?: number; readonly reason?: string }
  readonly patchType?: 'JSONPatch'
  readonly patch?: string
}

/** The fields that the sample looks at, whatever the kind. */
interface Reviewed {
  readonly metadata?: { readonly labels?: Readonly<Record<string, string>> }
  readonly data?: Readonly<Record<string, string>>
  readonly spec?: { readonly containers?: readonly { readonly name: string }[] }
}

/** The data and the label that the sample looks for, as the conformance programme's webhook does. */
export const testKey = 'webhook-e2e-test'
export const disallowed = 'webhook-disallow'
export const nondeletable = 'webhook-nondeletable'

const allow: Answer = { allowed: true }
const deny = (message: string): Answer => ({ allowed: false, status: { message } })
const patchWith = (...operations: readonly object[]): Answer => ({
  allowed: true,
  patchType: 'JSONPatch',
  patch: Buffer.from(JSON.stringify(operations)).toString('base64'),
})

const judges: Readonly<Record<string, (request: AdmissionRequest) => Answer>> = {
  '/allow': () => allow,
  '/deny': () => deny('this webhook denies all requests'),
  '/add-label': ({ object }) =>
    patchWith({
      op: 'add',
      path: '/metadata/labels',
      value: { ...labelsOf(object), 'added-label': 'yes' },
    }),
  '/pods': ({ object }) => {
    const { spec, metadata } = object as Reviewed
    const faults = [
      spec?.containers?.some(({ name }) => name.includes(disallowed)) && 'unwanted container name',
      metadata?.labels?.[testKey] === disallowed && 'unwanted label',
    ].filter(Boolean)
    return faults.length > 0 ? deny(`the pod contains ${faults.join(' and ')}`) : allow
  },
  '/attach': ({ name = '', subResource }) =>
    subResource === 'attach' ? deny(`attaching to pod '${name}' is not allowed`) : allow,
  '/data': ({ operation, object, oldObject }) => {
    if (operation === 'DELETE') {
      return dataOf(oldObject)[testKey] === nondeletable ? deny('its data forbid its deletion') : allow
    }
    return dataOf(object)[testKey] === disallowed ? deny('it contains unwanted data') : allow
  },
  '/definitions': ({ object }) =>
    labelsOf(object)[testKey] === disallowed ? deny('the definition contains unwanted label') : allow,
  '/mutate-data': ({ object }) => {
    const data = dataOf(object)
    const additions = [
      ['mutation-start', 'mutation-stage-1'],
      ['mutation-stage-1', 'mutation-stage-2'],
    ].filter(([before = '']) => data[before] === 'yes')
    return patchWith(...additions.map(([, key]) => ({ op: 'add', path: `/data/${key}`, value: 'yes' })))
  },
  '/mutate-pods': () =>
    patchWith({
      op: 'add',
      path: '/spec/initContainers',
      value: [{ name: 'added-by-webhook', image: 'init:1', resources: {} }],
    }),
}

/** The answer to a review at `path`: a webhook that knows paths for all that a test needs. */
export function answerReview(path: string, { request }: Review): object | undefined {
  const judge = judges[path.split('?')[0]!]
  if (!judge || !request) return undefined
  return {
    kind: 'AdmissionReview',
    apiVersion: 'admission.k8s.io/v1',
    response: { uid: request.uid, ...judge(request) },
  }
}

function dataOf(object: unknown): Readonly<Record<string, string>> {
  return (object as Reviewed).data ?? {}
}

function labelsOf(object: unknown): Readonly<Record<string, string>> {
  return (object as Reviewed).metadata?.labels ?? {}
}
