const noQuery = new URLSearchParams()

export function queryOf(url: string): URLSearchParams {
  const question = url.indexOf('?')
  return question < 0 ? noQuery : new URLSearchParams(url.slice(question + 1))
}

/** The path of a request's target, with its escapes decoded; as it is where they are malformed: nothing has such a path. */
export function decodePath(url: string): string {
  const question = url.indexOf('?')
  const path = question < 0 ? url : url.slice(0, question)
  if (!path.includes('%')) return path
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}
