/** Our side of the figures: the same C sources as guests, two to a cluster of two hosts unless there are more ranks. */
export interface Ours {
  /** Builds a program once, runs it, and gives the standard output of rank 0. */
  run(source: string, ranks: number, args: readonly string[]): Promise<string>;
  /** From asking for a VM to the first instruction of its program, with a warm pool and a cached image; microseconds. */
  bootMicroseconds(): Promise<number>;
  close(): Promise<void>;
}
