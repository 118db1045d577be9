import type { PodSpec } from '../../../api/generated/core.v1.ts'
import type { ObjectMeta } from '../../../machinery/meta.ts'
import { baselineChecks } from './baseline-checks.ts'
import type { Check, CheckPod, Violation } from './check.ts'
import type { LevelVersion } from './policy.ts'
import { restrictedChecks } from './restricted-checks.ts'

/** The checks of a standard, put together once. */
const checksByStandard = new Map<string, readonly CheckPod[]>()

/** What a pod does that the standard does not allow, in order. */
export function violationsOf(
  standard: LevelVersion,
  spec: PodSpec,
  metadata: ObjectMeta,
): readonly Violation[] {
  return checksOf(standard).flatMap((check) => check(spec, metadata) ?? [])
}

/** `privileged (container "a" must not set ...), hostPort (...)`; empty when there is nothing to object to. */
export function violationText(standard: LevelVersion, spec: PodSpec, metadata: ObjectMeta): string {
  return violationsOf(standard, spec, metadata)
    .map(({ reason, detail }) => (detail === '' ? reason : `${reason} (${detail})`))
    .join(', ')
}

function checksOf({ level, minorVersion }: LevelVersion): readonly CheckPod[] {
  const key = `${level}:${minorVersion}`
  let checks = checksByStandard.get(key)
  if (!checks) checksByStandard.set(key, (checks = selectChecks(level, minorVersion)))
  return checks
}

function selectChecks(level: LevelVersion['level'], minorVersion: number | 'latest'): readonly CheckPod[] {
  if (level === 'privileged') return []
  const candidates = [...baselineChecks, ...(level === 'restricted' ? restrictedChecks : [])]
  const inForce = candidates.flatMap((check) => {
    const version = versionInForce(check, minorVersion)
    return version ? [{ id: check.id, overrides: check.overrides ?? [], check: version }] : []
  })
  const overridden = new Set(inForce.flatMap(({ overrides }) => overrides))
  return inForce.filter(({ id }) => !overridden.has(id)).map(({ check }) => check)
}

function versionInForce({ versions }: Check, minorVersion: number | 'latest'): CheckPod | undefined {
  return versions.findLast(({ since }) => minorVersion === 'latest' || since <= minorVersion)?.check
}
