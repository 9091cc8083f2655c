/** Where what a rig made is to be undone: a `TestContext`, or a round of the torture run. */
export interface Cleanup {
  after(cleanUp: () => unknown): void;
}
