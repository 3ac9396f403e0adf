/**
 * How many more servers of a type a location has; endless unless set. What is set to 0 is shown as
 * not available. For a refusal that nothing announced, order the fault `sold_out`.
 */
export class Stock {
  readonly #left = new Map<string, number>();

  set(serverType: string, location: string, count: number): void {
    this.#left.set(`${serverType}/${location}`, count);
  }

  left(serverType: string, location: string): number {
    return this.#left.get(`${serverType}/${location}`) ?? Number.POSITIVE_INFINITY;
  }

  take(serverType: string, location: string): void {
    this.set(serverType, location, this.left(serverType, location) - 1);
  }

  giveBack(serverType: string, location: string): void {
    this.set(serverType, location, this.left(serverType, location) + 1);
  }
}
