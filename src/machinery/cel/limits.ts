/** Limits of cost in upstream's units (about 50 ns each). Source: k8s.io/apiserver/pkg/apis/cel/config.go. */

/** One evaluation of one expression. */
export const perCallLimit = 1_000_000
/** All evaluations for one request and one object or policy. */
export const runtimeCostBudget = 10_000_000
/** Estimated cost of one expression of a CustomResourceDefinition, times how often it may run. */
export const staticEstimatedCostLimit = 10_000_000
/** Estimated cost of all expressions of one version of a CustomResourceDefinition. */
export const staticEstimatedCrdCostLimit = 100_000_000
/** What match conditions of one webhook or policy may cost together. */
export const runtimeCostBudgetMatchConditions = 2_500_000
/** The largest request body, from which sizes follow that no schema bounds. */
export const maxRequestBytes = 3 * 1024 * 1024
/** What a saturated estimate is: uint64's maximum, as near as a number comes. */
export const unboundedCost = 2 ** 64
