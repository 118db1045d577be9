/** `spec.containers[0].name`: how upstream names an unknown or duplicate field. */
export function strictPath(parts: readonly (string | number)[]): string {
  let path = ''
  for (const part of parts) {
    if (typeof part === 'number') path += `[${part}]`
    else path += path === '' ? part : `.${part}`
  }
  return path
}
