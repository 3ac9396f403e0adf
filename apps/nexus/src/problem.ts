/** Something the operator can mend; its message is all that is printed, without a stack. */
export class Problem extends Error {
  override readonly name = 'Problem';
}
