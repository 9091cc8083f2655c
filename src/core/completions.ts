/** What is offered where the TAB key was pressed, and what a shell is told about it. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

export interface Offer {
  readonly value: string;
  /** One line. */
  readonly description: string;
}

export interface Completions {
  readonly offers: readonly Offer[];
  /** What the shell itself adds to them. */
  readonly shellAdds: 'files' | 'directories' | 'nothing';
}
