/** Runs what is asked for after a while, once for all that is asked meanwhile: so it keeps running while asking goes on. */
export class Pace {
  private waits: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly run: () => void,
    private readonly afterMs: number,
  ) {}

  ask(): void {
    this.waits ??= setTimeout(() => {
      this.waits = undefined;
      this.run();
    }, this.afterMs);
  }

  end(): void {
    clearTimeout(this.waits);
    this.waits = undefined;
  }
}
