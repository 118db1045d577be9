import { jsonEqual } from '../../machinery/equal.ts'
import type { CustomResourceDefinitionVersion } from '../generated/apiextensions.v1.ts'
import { internalForm } from '../internal-form.ts'

/** What all versions of a definition say alike. */
export interface SharedParts {
  readonly schema: boolean
  readonly subresources: boolean
  readonly columns: boolean
  readonly selectableFields: boolean
}

/**
 * Upstream validates definitions in a form in which what all versions say alike stands once, in the spec; the fields that
 * its faults name are those of that form (`spec.validation.openAPIV3Schema` of a definition with one version).
 * Source: k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1/conversion.go.
 */
export function sharedParts(versions: readonly CustomResourceDefinitionVersion[]): SharedParts {
  const isShared = (part: (version: CustomResourceDefinitionVersion) => unknown) =>
    versions.every((version) => jsonEqual(part(version), part(versions[0]!)))
  return {
    schema: isShared(({ schema }) => schema),
    subresources: isShared(({ subresources }) => subresources),
    columns: isShared(({ additionalPrinterColumns }) => additionalPrinterColumns ?? []),
    selectableFields: isShared(({ selectableFields }) => selectableFields ?? []),
  }
}

/** The versions as messages show them: without what stands in the spec. */
export function printedVersions(versions: readonly CustomResourceDefinitionVersion[]) {
  const shared = sharedParts(versions)
  return versions.map(({ schema, subresources, additionalPrinterColumns, selectableFields, ...version }) =>
    internalForm('apiextensions.v1.CustomResourceDefinitionVersion', {
      ...version,
      schema: shared.schema ? undefined : schema,
      subresources: shared.subresources ? undefined : subresources,
      additionalPrinterColumns: shared.columns ? undefined : additionalPrinterColumns,
      selectableFields: shared.selectableFields ? undefined : selectableFields,
    }),
  )
}
