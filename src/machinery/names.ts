import type { Random } from './random.ts'

/** No vowels, so that no words appear by chance; no digits that look like letters. */
const alphabet = 'bcdfghjklmnpqrstvwxz2456789'

export const generatedNameMaxLength = 63
const suffixLength = 5

/** The name that the API server gives to an object with generateName: the base, cut where needed, and five characters. */
export function generateName(base: string, random: Random): string {
  return base.slice(0, generatedNameMaxLength - suffixLength) + randomSuffix(suffixLength, random)
}

/** Characters that may stand in a name. */
export function randomSuffix(length: number, random: Random): string {
  let suffix = ''
  while (suffix.length < length) suffix += alphabet[Math.floor(random.next() * alphabet.length)]
  return suffix
}

/** The text in the alphabet of generated names, character by character: how hashes enter names. */
export function safeEncodeString(text: string): string {
  return Array.from(text, (character) => alphabet[character.codePointAt(0)! % alphabet.length]).join('')
}
