import { invalid, type FieldError } from '../../../machinery/field-error.ts'
import { path } from '../../../machinery/field-path.ts'

/*
 * The Pod Security Standards that a namespace asks for. Source: k8s.io/pod-security-admission/api.
 */

export const levels = ['privileged', 'baseline', 'restricted'] as const
export type Level = (typeof levels)[number]

/** A standard as of a version of Kubernetes. */
export interface LevelVersion {
  readonly level: Level
  /** The minor version, or `latest`. */
  readonly minorVersion: number | 'latest'
}

/** What a namespace does with pods that do not keep to a standard. */
export interface PodSecurityPolicy {
  readonly enforce: LevelVersion
  readonly audit: LevelVersion
  readonly warn: LevelVersion
}

export type Mode = keyof PodSecurityPolicy

const prefix = 'pod-security.kubernetes.io/'
export const anythingGoes: LevelVersion = { level: 'privileged', minorVersion: 'latest' }

/** Of a level that nobody knows: nothing is let in by mistake, and nobody is told of what nobody asked for. */
const onMistake: Readonly<Record<Mode, Level>> = {
  enforce: 'restricted',
  audit: 'privileged',
  warn: 'privileged',
}
const nothingAsked: PodSecurityPolicy = { enforce: anythingGoes, audit: anythingGoes, warn: anythingGoes }

/**
 * The policy in a namespace's labels, and what is wrong with them; of what the labels do not say, `defaults` do.
 */
export function policyOf(
  labels: Readonly<Record<string, string>> = {},
  defaults: PodSecurityPolicy = nothingAsked,
): {
  readonly policy: PodSecurityPolicy
  readonly errors: readonly FieldError[]
} {
  const errors: FieldError[] = []
  const read = (mode: Mode): LevelVersion => {
    const levelLabel = labels[`${prefix}${mode}`]
    const versionLabel = labels[`${prefix}${mode}-version`]
    const level = levels.find((one) => one === levelLabel)
    const usual = defaults[mode]
    const minorVersion = versionLabel === undefined ? usual.minorVersion : parseVersion(versionLabel)
    const field = path('metadata', 'labels')
    if (levelLabel !== undefined && !level) {
      errors.push(invalid(field.key(`${prefix}${mode}`), levelLabel, `must be one of ${levels.join(', ')}`))
    }
    if (minorVersion === undefined) {
      errors.push(invalid(field.key(`${prefix}${mode}-version`), versionLabel, 'must be "latest" or "v1.x"'))
    }
    return {
      level: level ?? (levelLabel === undefined ? usual.level : onMistake[mode]),
      minorVersion: minorVersion ?? 'latest',
    }
  }
  return { policy: { enforce: read('enforce'), audit: read('audit'), warn: read('warn') }, errors }
}

/** Undefined for what is no version. */
export function parseVersion(text: string): number | 'latest' | undefined {
  if (text === 'latest') return 'latest'
  const minor = /^v1\.(0|[1-9][0-9]*)$/.exec(text)?.[1]
  return minor === undefined ? undefined : Number(minor)
}

/** `restricted:latest`, `baseline:v1.30`. */
export function describeLevelVersion({ level, minorVersion }: LevelVersion): string {
  return `${level}:${minorVersion === 'latest' ? 'latest' : `v1.${minorVersion}`}`
}

/** Negative when `a` is less strict. */
export function compareLevels(a: Level, b: Level): number {
  return levels.indexOf(a) - levels.indexOf(b)
}
