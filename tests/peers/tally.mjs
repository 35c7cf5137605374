// What a client was given, and the talk with the test that started it.
//
//   test --stdin--> how many frames the server has sent; from then on it sends none
//   test <-stdout-- one JSON line: {"markets", "delivered": {"trade KRW-BTC": n, ...}, "problems"}
//
// The first problem ends the run. So does the end of stdin without a number: the test is gone.

import { createInterface } from 'node:readline';

const kArrivalMs = 15_000; // for what was on its way when the server fell silent
const kSurplusMs = 300; // for what comes although all is there

export class Tally {
  constructor() {
    this.markets = 0;
    this.delivered = {};
    this.total = 0;
    this.#obey();
  }

  count(type, code, frames = 1) {
    const key = `${type} ${code}`;
    this.delivered[key] = (this.delivered[key] ?? 0) + frames;
    this.total += frames;
  }

  /** Ends the run unless `good`. */
  check(good, what) {
    if (!good) this.#end([what]);
  }

  fail(error) {
    this.#end([`${error.name}: ${error.message}`]);
  }

  async #obey() {
    for await (const line of createInterface({ input: process.stdin })) {
      const deadline = Date.now() + kArrivalMs;
      while (this.total < Number(line) && Date.now() < deadline) await sleep(20);
      await sleep(kSurplusMs);
      this.#end([]);
    }
    process.exit(1);
  }

  #end(problems) {
    const { markets, delivered } = this;
    process.stdout.write(JSON.stringify({ markets, delivered, problems }) + '\n', () =>
      process.exit(0),
    );
  }
}

function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
