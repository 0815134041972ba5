import { Injectable } from '@nestjs/common';

/** What the process is doing, for whoever has to behave differently while it stops. */
@Injectable()
export class Lifecycle {
  private stopping = false;

  /** From now on the process takes nothing new and finishes what it has. */
  startDraining(): void {
    this.stopping = true;
  }

  get draining(): boolean {
    return this.stopping;
  }
}
