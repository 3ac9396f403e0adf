/** A bucket that holds `limit` requests and regains them evenly over an hour. */
export class RateLimit {
  readonly limit: number;
  #left: number;
  #countedAt = Number.NEGATIVE_INFINITY;

  constructor(limit: number) {
    this.limit = limit;
    this.#left = limit;
  }

  /** Whether there was room for one more request. */
  take(now: number): boolean {
    this.#refill(now);
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }

  /** As if that many requests had been made, by anybody with a token of the project. */
  use(requests: number, now: number): void {
    this.#refill(now);
    this.#left = Math.max(0, this.#left - requests);
  }

  headers(now: number): Record<string, string> {
    this.#refill(now);
    const untilFullMs = ((this.limit - this.#left) * 3_600_000) / this.limit;
    return {
      'RateLimit-Limit': String(this.limit),
      'RateLimit-Remaining': String(Math.floor(this.#left)),
      // Until all requests are back, not until the next one is.
      'RateLimit-Reset': String(Math.ceil((now + untilFullMs) / 1000)),
    };
  }

  #refill(now: number): void {
    const passedMs = Math.max(0, now - this.#countedAt);
    this.#left = Math.min(this.limit, this.#left + (passedMs * this.limit) / 3_600_000);
    this.#countedAt = Math.max(now, this.#countedAt);
  }
}
