/** What an agent was doing when it was ended for its silence or its time, as far as could be seen; facts, and their wording. */
import { unreachable } from './unreachable.ts';

export type Doing =
  /** One printable line. */
  | { readonly kind: 'in-command'; readonly command: string }
  /** A tool of an MCP server; one printable line. */
  | { readonly kind: 'in-tool'; readonly tool: string }
  | { readonly kind: 'waiting-for-model' }
  | { readonly kind: 'waiting-for-network' }
  /** It waits at a connection that the other side has closed. */
  | { readonly kind: 'connection-closed' }
  | { readonly kind: 'unknown' };

/** For the end of a sentence about the agent; empty when nothing is known. */
export function describeDoing(doing: Doing): string {
  switch (doing.kind) {
    case 'in-command':
      return `in the command: ${doing.command}`;
    case 'in-tool':
      return `in the tool ${doing.tool}`;
    case 'waiting-for-model':
      return 'waiting for the model';
    case 'waiting-for-network':
      return 'waiting for the network';
    case 'connection-closed':
      return 'waiting at a connection that the server has closed';
    case 'unknown':
      return '';
    default:
      return unreachable(doing);
  }
}

/** Whether the agent itself was well, and only what it waited for did not come. */
export function isWaitingOutside({ kind }: Doing): boolean {
  return kind === 'waiting-for-model' || kind === 'waiting-for-network' || kind === 'connection-closed';
}
