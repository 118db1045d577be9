import type {
  CelAuthorizationAttributes,
  CelAuthorizer,
  CelDecision,
  CelRequestResource,
} from '../authorizer.ts'
import { CelError } from '../error.ts'
import { dns1123LabelErrors, dns1123SubdomainErrors } from '../../validation/names.ts'
import { structType } from '../types.ts'
import { CelOpaque } from '../values/opaque.ts'
import { memberFunction, type Library } from './function.ts'

/** Source: k8s.io/apiserver/pkg/cel/library/authz.go. */

const prefix = 'kubernetes.authorization'
export const authorizerType = structType(`${prefix}.Authorizer`)
const pathCheckType = structType(`${prefix}.PathCheck`)
const groupCheckType = structType(`${prefix}.GroupCheck`)
export const resourceCheckType = structType(`${prefix}.ResourceCheck`)
const decisionType = structType(`${prefix}.Decision`)

/** The authoriser answers later. Evaluation is started anew when it has. */
export class PendingDecision extends Error {
  readonly decision: Promise<void>

  constructor(decision: Promise<void>) {
    super('the authorizer answers later')
    this.decision = decision
  }
}

/** What the authoriser said, as it is asked once only; by the question. */
const answers = new WeakMap<CelAuthorizer, Map<string, CelDecision>>()

/** Throws a PendingDecision when the answer is not there yet. */
function ask(authorizer: CelAuthorizer, attributes: CelAuthorizationAttributes): CelDecision {
  const known = answers.get(authorizer) ?? new Map<string, CelDecision>()
  answers.set(authorizer, known)
  const question = JSON.stringify(attributes)
  const answer = known.get(question)
  if (answer) return answer
  const decision = authorizer.authorize(attributes)
  if (!(decision instanceof Promise)) {
    known.set(question, decision)
    return decision
  }
  throw new PendingDecision(
    decision.then((decided) => {
      known.set(question, decided)
    }),
  )
}

type Account = CelAuthorizationAttributes['serviceAccount']

/** A value that only its functions look into. Two of them cannot even be compared. */
abstract class FunctionsOnly extends CelOpaque {
  override equals(): undefined {
    return undefined
  }
}

abstract class Check extends FunctionsOnly {
  readonly authorizer: CelAuthorizer
  readonly account: Account

  constructor(authorizer: CelAuthorizer, account: Account) {
    super()
    this.authorizer = authorizer
    this.account = account
  }

  /** Of every question. */
  get who(): { serviceAccount?: NonNullable<Account> } {
    return this.account ? { serviceAccount: this.account } : {}
  }
}

export class CelAuthorizerValue extends Check {
  override readonly type = authorizerType
}

class PathCheck extends Check {
  override readonly type = pathCheckType
  readonly path: string

  constructor({ authorizer, account }: Check, path: string) {
    super(authorizer, account)
    this.path = path
  }
}

class GroupCheck extends Check {
  override readonly type = groupCheckType
  readonly group: string

  constructor({ authorizer, account }: Check, group: string) {
    super(authorizer, account)
    this.group = group
  }
}

type Resource = CelRequestResource & { readonly fieldSelector?: string; readonly labelSelector?: string }

export class ResourceCheck extends Check {
  override readonly type = resourceCheckType
  readonly resource: Resource

  constructor(authorizer: CelAuthorizer, account: Account, resource: Resource) {
    super(authorizer, account)
    this.resource = resource
  }

  with(change: Partial<Resource>): ResourceCheck {
    return new ResourceCheck(this.authorizer, this.account, { ...this.resource, ...change })
  }
}

class Decision extends FunctionsOnly {
  override readonly type = decisionType
  readonly decision: CelDecision

  constructor(decision: CelDecision) {
    super()
    this.decision = decision
  }
}

function serviceAccount(
  { authorizer }: CelAuthorizerValue,
  namespace: string,
  name: string,
): CelAuthorizerValue {
  if (dns1123SubdomainErrors(name).length > 0) throw new CelError('Invalid service account name')
  if (dns1123LabelErrors(namespace).length > 0) throw new CelError('Invalid service account namespace')
  return new CelAuthorizerValue(authorizer, { namespace, name })
}

const blank = /^\p{White_Space}*$/u

function path(authorizer: CelAuthorizerValue, path: string): PathCheck {
  if (blank.test(path)) throw new CelError('path must not be empty')
  return new PathCheck(authorizer, path)
}

function resource({ authorizer, account, group }: GroupCheck, resource: string): ResourceCheck {
  if (blank.test(resource)) throw new CelError('resource must not be empty')
  return new ResourceCheck(authorizer, account, { group, resource, subresource: '', namespace: '', name: '' })
}

function checkPath(check: PathCheck, verb: string): Decision {
  const { authorizer, who, path } = check
  return new Decision(ask(authorizer, { ...who, verb, isResourceRequest: false, path }))
}

function checkResource(check: ResourceCheck, verb: string): Decision {
  const { authorizer, who, resource } = check
  return new Decision(ask(authorizer, { ...who, verb, isResourceRequest: true, version: '*', ...resource }))
}

const authorizer = `${prefix}.Authorizer`
const pathCheck = `${prefix}.PathCheck`
const groupCheck = `${prefix}.GroupCheck`
const resourceCheck = `${prefix}.ResourceCheck`
const decision = `${prefix}.Decision`

function narrowed(name: string, id: string, field: keyof Resource) {
  return memberFunction(
    name,
    id,
    [resourceCheck, 'string'],
    resourceCheck,
    (check: ResourceCheck, value: string) => check.with({ [field]: value }),
  )
}

export const authorizationLibrary: Library = {
  since: 27,
  types: [authorizerType, pathCheckType, groupCheckType, resourceCheckType, decisionType],
  functions: [
    memberFunction('path', 'authorizer_path', [authorizer, 'string'], pathCheck, path),
    memberFunction(
      'group',
      'authorizer_group',
      [authorizer, 'string'],
      groupCheck,
      (authorizer: CelAuthorizerValue, group: string) => new GroupCheck(authorizer, group),
    ),
    memberFunction(
      'serviceAccount',
      'authorizer_serviceaccount',
      [authorizer, 'string', 'string'],
      authorizer,
      serviceAccount,
    ),
    memberFunction('resource', 'groupcheck_resource', [groupCheck, 'string'], resourceCheck, resource),
    narrowed('subresource', 'resourcecheck_subresource', 'subresource'),
    narrowed('namespace', 'resourcecheck_namespace', 'namespace'),
    narrowed('name', 'resourcecheck_name', 'name'),
    memberFunction('check', 'pathcheck_check', [pathCheck, 'string'], decision, checkPath),
    memberFunction('check', 'resourcecheck_check', [resourceCheck, 'string'], decision, checkResource),
    memberFunction(
      'errored',
      'decision_errored',
      [decision],
      'bool',
      ({ decision }: Decision) => decision.error !== undefined,
    ),
    memberFunction(
      'error',
      'decision_error',
      [decision],
      'string',
      ({ decision }: Decision) => decision.error ?? '',
    ),
    memberFunction(
      'allowed',
      'decision_allowed',
      [decision],
      'bool',
      ({ decision }: Decision) => decision.allowed,
    ),
    memberFunction(
      'reason',
      'decision_reason',
      [decision],
      'string',
      ({ decision }: Decision) => decision.reason,
    ),
  ],
}

export const authorizationSelectorsLibrary: Library = {
  since: 31,
  functions: [
    narrowed('fieldSelector', 'authorizer_fieldselector', 'fieldSelector'),
    narrowed('labelSelector', 'authorizer_labelselector', 'labelSelector'),
  ],
}
