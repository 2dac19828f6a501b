/** A job that lost its worker more often than this may be what brings workers down. */
const suspectStalls = 5;

/**
 * Lets one suspect at a time run in a process. Jobs that are lost together are taken together again; without this,
 * those that happened to run beside a poison job would all be taken for one.
 */
export class Suspects {
  #isOneRunning = false;

  /**
   * The right to run a job, until it is disposed of; null: another suspect has it now.
   * @param stalls how often its worker was lost
   */
  enter(stalls: number): Disposable | null {
    if (stalls <= suspectStalls) return { [Symbol.dispose]: () => {} };
    if (this.#isOneRunning) return null;
    this.#isOneRunning = true;
    return {
      [Symbol.dispose]: () => {
        this.#isOneRunning = false;
      },
    };
  }
}
