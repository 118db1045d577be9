/** Units of cost. Source: cel-go's common/cost.go. */
export const stringFactor = 0.1
export const regexFactor = 0.25
export const listCreationCost = 10
export const mapCreationCost = 30
export const objectCreationCost = 40
