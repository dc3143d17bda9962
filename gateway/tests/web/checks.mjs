// Counts checks and prints each in the form that `cargo xtask test` reads.

export class Checks {
  #passed = 0;
  #failed = 0;

  /** One check; `detail` says what was found when it is not good. */
  check(name, good, detail = '') {
    if (good) this.#passed += 1;
    else this.#failed += 1;
    const why = good || detail === '' ? '' : `: ${String(detail).replaceAll('\n', '\\n')}`;
    console.log(`${good ? 'ok' : 'not ok'} - ${name}${why}`);
  }

  /** A check that two values are the same JSON. */
  same(name, found, expected) {
    const [left, right] = [found, expected].map((value) => JSON.stringify(value));
    this.check(name, left === right, `${left}, not ${right}`);
  }

  /** Prints the sum, and sets the exit status. */
  end() {
    console.log(`${this.#passed} passed, ${this.#failed} failed`);
    process.exitCode = this.#failed === 0 && this.#passed > 0 ? 0 : 1;
  }
}
