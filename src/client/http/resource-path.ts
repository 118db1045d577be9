import { apiVersionOf, type Resource } from '../../machinery/resource.ts'

/** `/apis/apps/v1/namespaces/default/deployments/web/status`; parts are percent-encoded. */
export function resourcePath(
  resource: Resource,
  target: { readonly namespace?: string | undefined; readonly name?: string; readonly subresource?: string },
): string {
  let path = `${resource.group === '' ? '/api' : '/apis'}/${apiVersionOf(resource)}`
  if (resource.namespaced && target.namespace) path += `/namespaces/${encodeURIComponent(target.namespace)}`
  path += `/${resource.resource}`
  if (target.name !== undefined) path += `/${encodeURIComponent(target.name)}`
  if (target.subresource) path += `/${target.subresource}`
  return path
}

/** `?a=1&b=true`, or nothing when no parameter has a value. */
export function queryString(
  parameters: Readonly<Record<string, string | number | boolean | undefined>>,
): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== '') query.append(name, String(value))
  }
  return query.size === 0 ? '' : `?${query.toString()}`
}
