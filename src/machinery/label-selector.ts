import { compareGoStrings, goQuote } from './go-format.ts'
import {
  formatLabelRequirement,
  holds,
  labelRequirement,
  type LabelOperator,
  type LabelRequirement,
  type Labels,
} from './label-requirement.ts'
import { parseLabelRequirements } from './label-selector-parser.ts'
import type { LabelSelector, LabelSelectorRequirement } from './meta.ts'
import { SelectorError } from './selector-error.ts'

export type { LabelOperator, LabelRequirement, Labels } from './label-requirement.ts'

/**
 * Label selectors: the text form of queries (`app in (a,b),!x,n>1`) and the structured form in specs, both read into
 * one list of requirements that must all hold. Grammar, matching and wording of k8s.io/apimachinery/pkg/labels.
 */
export interface ParsedLabelSelector {
  /** In order of their keys. */
  readonly requirements: readonly LabelRequirement[]
  /** Selects nothing at all, whatever the requirements. */
  readonly nothing?: true
}

const everyLabelSet: ParsedLabelSelector = { requirements: [] }
export const noLabelSet: ParsedLabelSelector = { requirements: [], nothing: true }

/** Reads the text form. Throws a SelectorError. */
export function parseLabelSelector(text: string): ParsedLabelSelector {
  return text === '' ? everyLabelSet : selectorOf(parseLabelRequirements(text))
}

const parsedSelectors = new WeakMap<LabelSelector, ParsedLabelSelector>()

const structuredOperators: Readonly<Record<LabelSelectorRequirement['operator'], LabelOperator>> = {
  In: 'in',
  NotIn: 'notin',
  Exists: 'exists',
  DoesNotExist: '!',
}

/**
 * Reads the structured form: no selector selects nothing, an empty one everything. Throws a SelectorError when it is
 * not valid. Remembers the answer for the object given, which must not be edited.
 */
export function fromLabelSelector(selector: LabelSelector | undefined): ParsedLabelSelector {
  if (!selector) return noLabelSet
  let parsed = parsedSelectors.get(selector)
  if (!parsed) {
    parsed = readStructured(selector)
    parsedSelectors.set(selector, parsed)
  }
  return parsed
}

function readStructured({ matchLabels = {}, matchExpressions = [] }: LabelSelector): ParsedLabelSelector {
  const requirements = Object.entries(matchLabels).map(([key, value]) => labelRequirement(key, '=', [value]))
  for (const { key, operator, values = [] } of matchExpressions) {
    const known = structuredOperators[operator]
    if (!known) throw new SelectorError(`${goQuote(operator)} is not a valid label selector operator`)
    requirements.push(labelRequirement(key, known, values))
  }
  return selectorOf(requirements)
}

/** Selects what has all these labels; without any, everything. The labels are taken as they are. */
export function fromLabels(labels: Labels): ParsedLabelSelector {
  return selectorOf(
    Object.entries(labels ?? {}).map(([key, value]) => ({ key, operator: '=', values: [value] })),
  )
}

/** Both selectors at once. */
export function andLabelSelectors(a: ParsedLabelSelector, b: ParsedLabelSelector): ParsedLabelSelector {
  if (a.nothing || b.nothing) return noLabelSet
  return selectorOf([...a.requirements, ...b.requirements])
}

function selectorOf(requirements: readonly LabelRequirement[]): ParsedLabelSelector {
  return { requirements: requirements.toSorted((a, b) => compareGoStrings(a.key, b.key)) }
}

/** Whether an object with these labels is selected. */
export function matchesLabels(selector: ParsedLabelSelector, labels: Labels): boolean {
  if (selector.nothing) return false
  for (const requirement of selector.requirements) if (!holds(requirement, labels)) return false
  return true
}

/** The value that a label must have for anything to be selected, where the selector says so. */
export function requiredLabelValue(selector: ParsedLabelSelector, key: string): string | undefined {
  const requirement = selector.requirements.find((candidate) => candidate.key === key)
  if (!requirement || requirement.values.length !== 1) return undefined
  return ['=', '==', 'in'].includes(requirement.operator) ? requirement.values[0] : undefined
}

/** The text form, which parseLabelSelector reads back. */
export function formatLabelSelector(selector: ParsedLabelSelector): string {
  return selector.requirements.map(formatLabelRequirement).join(',')
}

/** The text form turned into the structured one. Throws a SelectorError, for `>` and `<` too. */
export function toLabelSelector(text: string): LabelSelector {
  const matchLabels: Record<string, string> = {}
  const matchExpressions: LabelSelectorRequirement[] = []
  for (const { key, operator, values } of parseForConversion(text).requirements) {
    switch (operator) {
      case '=':
      case '==':
        matchLabels[key] = values[0]!
        break
      case 'in':
      case 'notin':
        matchExpressions.push({ key, operator: operator === 'in' ? 'In' : 'NotIn', values })
        break
      case 'exists':
      case '!':
        matchExpressions.push({ key, operator: operator === '!' ? 'DoesNotExist' : 'Exists' })
        break
      case 'gt':
      case 'lt':
        throw new SelectorError(`${goQuote(operator)} isn't supported in label selectors`)
      case '!=':
        throw new SelectorError(`${goQuote(operator)} is not a valid label selector operator`)
    }
  }
  return { matchLabels, matchExpressions }
}

function parseForConversion(text: string): ParsedLabelSelector {
  try {
    return parseLabelSelector(text)
  } catch (error) {
    if (!(error instanceof SelectorError)) throw error
    throw new SelectorError(`couldn't parse the selector string "${text}": ${error.message}`)
  }
}

/** Whether fromLabelSelector takes it. */
export function isLabelSelector(selector: LabelSelector): boolean {
  try {
    fromLabelSelector(selector)
    return true
  } catch (error) {
    if (error instanceof SelectorError) return false
    throw error
  }
}
