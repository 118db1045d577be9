import {
  forbidden,
  invalid,
  invalidFor,
  notSupported,
  required,
  tooLong,
  type FieldError,
  type FieldPath,
} from '../../machinery/field-error.ts'
import { validateLabelName as validateLabelKey } from '../../machinery/validation/labels.ts'
import { labelValueErrors } from '../../machinery/validation/names.ts'
import type {
  DeviceClaim,
  DeviceConfiguration,
  DeviceConstraint,
  DeviceRequest,
  DeviceSelector,
  DeviceSubRequest,
  DeviceToleration,
  ExactDeviceRequest,
} from '../generated/resource.v1.ts'
import { validateList } from './list-rules.ts'
import {
  validateClassName,
  validateDriverName,
  validateFullyQualifiedName,
  validateLabelName,
} from './names.ts'
import { loadedSelectors } from './selector-loader.ts'

const maxRequests = 32
const maxConstraints = 32
export const maxConfigurations = 32
const maxSelectors = 32
const maxFirstAvailable = 8
const maxExpressionLength = 10 * 1024
const maxParametersLength = 10 * 1024
const operators = ['Equal', 'Exists']
const effects = ['NoExecute', 'NoSchedule', 'None']

/** The requests of a claim, each with its subrequests. */
export type RequestNames = ReadonlyMap<string, ReadonlySet<string>>

export function requestNamesOf(claim: DeviceClaim | undefined): RequestNames {
  return new Map(
    (claim?.requests ?? []).map(({ name, firstAvailable = [] }) => {
      return [name, new Set(firstAvailable.map((request) => request.name))]
    }),
  )
}

/** Source: kubernetes/pkg/apis/resource/validation. */
export function validateDeviceClaim(claim: DeviceClaim | undefined, at: FieldPath): FieldError[] {
  const names = requestNamesOf(claim)
  return [
    ...validateList(claim?.requests, at.child('requests'), {
      max: maxRequests,
      key: ({ name }) => name,
      item: validateRequest,
    }),
    ...validateList(claim?.constraints, at.child('constraints'), {
      max: maxConstraints,
      item: (constraint, field) => validateConstraint(constraint, names, field),
    }),
    ...validateList(claim?.config, at.child('config'), {
      max: maxConfigurations,
      item: (config, field) => [
        ...validateRequestReferences(config.requests, names, field.child('requests')),
        ...validateConfiguration(config, field),
      ],
    }),
  ]
}

function validateRequest({ name, exactly, firstAvailable }: DeviceRequest, at: FieldPath): FieldError[] {
  const errors = validateLabelName(name, at.child('name'))
  const one = 'exactly one of `exactly` or `firstAvailable` is required'
  const hasFirstAvailable = (firstAvailable?.length ?? 0) > 0
  if (exactly && hasFirstAvailable)
    return [...errors, invalid(at, null, `${one}, but multiple fields are set`)]
  if (exactly) return [...errors, ...validateWanted(exactly, at.child('exactly'))]
  if (!hasFirstAvailable) return [...errors, required(at, one)]
  const list = validateList(firstAvailable, at.child('firstAvailable'), {
    max: maxFirstAvailable,
    key: (request) => request.name,
    item: (request, field) => [
      ...validateLabelName(request.name, field.child('name')),
      ...validateWanted(request, field),
    ],
  })
  return [...errors, ...list]
}

function validateWanted(request: ExactDeviceRequest | DeviceSubRequest, at: FieldPath): FieldError[] {
  const { allocationMode, count = 0 } = request
  const errors = [
    ...validateClassName(request.deviceClassName, at.child('deviceClassName')),
    ...validateSelectors(request.selectors, at.child('selectors')),
  ]
  if (allocationMode === 'All') {
    const detail = "must not be specified when allocationMode is 'All'"
    if (count !== 0) errors.push(invalid(at.child('count'), count, detail))
  } else if (allocationMode === 'ExactCount') {
    if (count <= 0) errors.push(invalid(at.child('count'), count, 'must be greater than zero'))
  } else {
    errors.push(notSupported(at.child('allocationMode'), allocationMode ?? '', ['All', 'ExactCount']))
  }
  return [...errors, ...validateTolerations(request.tolerations, at.child('tolerations'))]
}

export function validateSelectors(
  selectors: readonly DeviceSelector[] | undefined,
  at: FieldPath,
): FieldError[] {
  return validateList(selectors, at, {
    max: maxSelectors,
    item: ({ cel }, field) => {
      if (!cel) return [required(field.child('cel'))]
      const expressionAt = field.child('cel', 'expression')
      const expression = cel.expression ?? ''
      if (Buffer.byteLength(expression) > maxExpressionLength)
        return [tooLong(expressionAt, '', maxExpressionLength)]
      const fault = loadedSelectors().selectorFault(expression)
      if (!fault) return []
      return fault.type === 'invalid'
        ? [invalid(expressionAt, expression, fault.detail)]
        : [forbidden(expressionAt, fault.detail)]
    },
  })
}

/** As many as one likes: the limit that is documented is checked nowhere. */
export function validateTolerations(
  tolerations: readonly DeviceToleration[] | undefined = [],
  at: FieldPath,
): FieldError[] {
  return tolerations.flatMap((toleration, index) => validateToleration(toleration, at.index(index)))
}

function validateToleration(toleration: DeviceToleration, at: FieldPath): FieldError[] {
  const { key = '', operator = '', value = '', effect = '' } = toleration
  const errors = key ? validateLabelKey(key, at.child('key')) : []
  if (operator === 'Exists') {
    const detail = 'must be empty for operator `Exists`'
    if (value) errors.push(invalid(at.child('value'), value, detail))
  } else if (operator === 'Equal') {
    errors.push(...invalidFor(at.child('value'), value, labelValueErrors(value)))
  } else if (operator === '') errors.push(required(at.child('operator')))
  else errors.push(notSupported(at.child('operator'), operator, operators))
  if (effect && !effects.includes(effect)) errors.push(notSupported(at.child('effect'), effect, effects))
  return errors
}

function validateConstraint(constraint: DeviceConstraint, names: RequestNames, at: FieldPath): FieldError[] {
  const { requests, matchAttribute, distinctAttribute } = constraint
  const errors = validateRequestReferences(requests, names, at.child('requests'))
  if (matchAttribute !== undefined)
    return [...errors, ...validateFullyQualifiedName(matchAttribute, at.child('matchAttribute'))]
  if (distinctAttribute !== undefined)
    return [...errors, ...validateFullyQualifiedName(distinctAttribute, at.child('distinctAttribute'))]
  const detail =
    'exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set'
  return [...errors, required(at, detail)]
}

export function validateRequestReferences(
  references: readonly string[] | undefined,
  names: RequestNames,
  at: FieldPath,
): FieldError[] {
  return validateList(references, at, {
    max: maxRequests,
    key: (name) => name,
    item: (name, field) => validateRequestReference(name, names, field),
  })
}

/** `request`, or `request/subrequest`. */
export function validateRequestReference(name: string, names: RequestNames, at: FieldPath): FieldError[] {
  const detail =
    "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'"
  const segments = name.split('/')
  if (segments.length > 2) return [invalid(at, name, detail)]
  const [request = '', subrequest] = segments
  const found = names.get(request)
  const isKnown = found !== undefined && (subrequest === undefined || found.has(subrequest))
  return [
    ...segments.flatMap((segment) => validateLabelName(segment, at)),
    ...(isKnown ? [] : [invalid(at, name, detail)]),
  ]
}

/** `isStored`: it is as it was, and may be longer than is taken today. */
export function validateConfiguration(
  { opaque }: DeviceConfiguration,
  at: FieldPath,
  isStored = false,
): FieldError[] {
  const field = at.child('opaque')
  if (!opaque) return [required(field)]
  const maxLength = isStored ? Infinity : maxParametersLength
  return [
    ...validateDriverName(opaque.driver, field.child('driver')),
    ...validateRawObject(opaque.parameters, field.child('parameters'), maxLength),
  ]
}

/** Some JSON object, and not too long. */
export function validateRawObject(value: unknown, at: FieldPath, maxLength: number): FieldError[] {
  if (value === undefined || value === null) return [required(at)]
  const text = JSON.stringify(value)
  if (Buffer.byteLength(text) > maxLength) return [tooLong(at, '', maxLength)]
  return typeof value === 'object' && !Array.isArray(value)
    ? []
    : [invalid(at, '<value omitted>', 'must be a valid JSON object')]
}
