/** An error's message without what differs from input to input. */
export function outcomeOf(error: unknown): string {
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return message
    .replaceAll(/"(?:[^"\\]|\\.)*"/g, '""')
    .replaceAll(/\d+/g, '0')
    .slice(0, 60)
}

/** Answers with the outcome of errors that clients may bring about; throws all others. */
export function expecting(
  types: readonly (abstract new (...parameters: never[]) => Error)[],
  work: () => string,
): string {
  try {
    return work()
  } catch (error) {
    if (types.some((type) => error instanceof type)) return outcomeOf(error)
    throw error
  }
}
