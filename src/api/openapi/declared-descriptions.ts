import type { TypeDescriptions } from './input.ts'

/**
 * Texts about a type out of the declaration file that @kubernetes/client-node has for it, for example
 * `dist/gen/models/V1Pod.d.ts`. The texts are upstream's; they are read where that package is installed and are no
 * part of this repository.
 */
export function readDeclaredDescriptions(declaration: string): TypeDescriptions {
  const fields = new Map<string, string>()
  const start = declaration.indexOf('export declare class')
  const type = start < 0 ? undefined : lastComment(declaration.slice(0, start))
  const body = start < 0 ? '' : declaration.slice(start)
  for (const match of body.matchAll(/\/\*\*([\s\S]*?)\*\/\s*'([^']+)'\??:/g)) {
    const text = commentText(match[1] ?? '')
    if (text !== '') fields.set(jsonName(match[2] ?? ''), text)
  }
  return { ...(type && { type }), fields }
}

/** Names of the declaration files that may be about a type, best first. */
export function declarationNames(openapiName: string): readonly string[] {
  const parts = openapiName.split('.')
  const kind = parts.at(-1) ?? ''
  const version = capitalized(parts.at(-2) ?? '')
  const group = capitalized(parts.at(-3) ?? '')
  if (openapiName === 'io.k8s.apimachinery.pkg.version.Info') return ['VersionInfo']
  // Where two groups have a type of this name, each file is named for its group.
  return [`${group}${version}${kind}`, `${version}${kind}`]
}

function lastComment(text: string): string | undefined {
  const comments = [...text.matchAll(/\/\*\*([\s\S]*?)\*\//g)]
  // The first comment of a file is about the file.
  const last = comments.length > 1 ? commentText(comments.at(-1)?.[1] ?? '') : ''
  return last === '' ? undefined : last
}

function commentText(comment: string): string {
  return comment
    .split('\n')
    .map((line) => line.replace(/^\s*\*\s?/, ''))
    .join('\n')
    .trim()
    .replace(/\\(['"])/g, '$1')
    .replaceAll('*\\/', '*/')
}

/** Words that are reserved in TypeScript, and names with a hyphen, are spelt differently there. */
function jsonName(property: string): string {
  return property.startsWith('x_kubernetes_') ? property.replaceAll('_', '-') : property.replace(/^_/, '')
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
