import {
  boolType,
  bytesType,
  doubleType,
  durationType,
  dynType,
  intType,
  listType,
  mapType,
  nullType,
  stringType,
  timestampType,
  typeType,
  uintType,
  type CelType,
} from './types.ts'

const standardTypes: Readonly<Record<string, CelType>> = {
  bool: boolType,
  bytes: bytesType,
  double: doubleType,
  'google.protobuf.Duration': durationType,
  int: intType,
  list: listType(dynType),
  map: mapType(dynType, dynType),
  null_type: nullType,
  string: stringType,
  'google.protobuf.Timestamp': timestampType,
  type: typeType,
  uint: uintType,
}

/** The types of the language that expressions may name. */
export function standardType(name: string): CelType | undefined {
  return Object.hasOwn(standardTypes, name) ? standardTypes[name] : undefined
}
