/** The end of an exhaustive switch: the compiler rejects the call while a union member is left undecided. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
