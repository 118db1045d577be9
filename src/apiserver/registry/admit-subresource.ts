import type { KubernetesObject, Status, Writable } from '../../machinery/meta.ts'
import { admissionRequest, optionsObject } from './admission-chain.ts'
import { checkCreateOptions } from './create.ts'
import type { Registry } from './registry.ts'
import { isDryRun, type Answer, type RequestScope, type WriteOptions } from './request.ts'

/** Runs mutating, then validating admission over the body of a POST to a subresource. */
export async function admitSubresource(
  registry: Registry,
  scope: RequestScope,
  name: string,
  object: Writable<KubernetesObject>,
  options: WriteOptions,
): Promise<void> {
  checkCreateOptions(options)
  const { admission } = registry.context
  const request = admissionRequest(scope, {
    operation: 'CREATE',
    name,
    object,
    options: optionsObject('CreateOptions', options),
    dryRun: isDryRun(options),
  })
  await admission.mutate(request)
  await admission.validate(request)
}

/** What a POST to a subresource answers when there is nothing to say. */
export function successAnswer(code: number): Answer {
  const object: Status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code }
  return { type: 'object', code, object }
}
