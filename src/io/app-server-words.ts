/**
 * What `codex app-server` reports, in the words of `codex exec --json`, so that one listener hears both. The shapes are those
 * of its protocol v2 (`codex app-server generate-ts`); a test compares what is read here with what Codex generates.
 */
type Fields = Readonly<Record<string, unknown>>;

/** The fields of what should be an object; none of what is not. */
export const fieldsOf = (value: unknown): Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};

/** Its text, where it should be one and is. */
export const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/** What exec would have printed for a notification; nothing for what it does not tell either. */
export function execEvents(method: string, params: Fields): Fields[] {
  switch (method) {
    case 'thread/started':
      return [{ type: 'thread.started', thread_id: fieldsOf(params['thread'])['id'] }];
    case 'turn/started':
      return [{ type: 'turn.started' }];
    case 'item/started':
    case 'item/completed': {
      const item = execItem(fieldsOf(params['item']));
      return item ? [{ type: method.replace('/', '.'), item }] : [];
    }
    case 'warning':
      return [{ type: 'item.completed', item: { type: 'error', message: params['message'] } }];
    case 'error': {
      const message = textOf(fieldsOf(params['error'])['message']) ?? '';
      const again = params['willRetry'] === true && !message.startsWith('Reconnecting');
      return [{ type: 'error', message: again ? `Reconnecting... ${message}` : message }];
    }
    default:
      return [];
  }
}

const STATUS: Readonly<Record<string, string>> = { inProgress: 'in_progress' };

function execItem(item: Fields): Fields | undefined {
  const status = textOf(item['status']) ?? '';
  const base = { id: item['id'], status: STATUS[status] ?? status };
  switch (item['type']) {
    case 'userMessage':
      return undefined; // our own words
    case 'agentMessage':
      return { ...base, type: 'agent_message', text: item['text'] };
    case 'reasoning':
      return { ...base, type: 'reasoning', text: linesOf(item['summary']) || linesOf(item['content']) };
    case 'commandExecution':
      return {
        ...base,
        type: 'command_execution',
        command: item['command'],
        aggregated_output: item['aggregatedOutput'],
        exit_code: item['exitCode'],
      };
    case 'fileChange':
      return {
        ...base,
        type: 'file_change',
        changes: listOf(item['changes']).map((change) => ({
          path: change['path'],
          kind: fieldsOf(change['kind'])['type'],
        })),
      };
    case 'mcpToolCall':
      return { ...base, type: 'mcp_tool_call', server: item['server'], tool: item['tool'] };
    case 'webSearch':
      return { ...base, type: 'web_search', query: item['query'] };
    default:
      return { ...base, type: textOf(item['type']) ?? 'item', text: textOf(item['text']) ?? '' };
  }
}

/** The objects in what should be a list of them. */
export const listOf = (value: unknown): Fields[] => (Array.isArray(value) ? value.map(fieldsOf) : []);

function linesOf(value: unknown): string {
  return Array.isArray(value) ? value.filter((line) => typeof line === 'string').join('\n') : '';
}

/** Of `thread/tokenUsage/updated`, as exec's `turn.completed` has it: of the whole thread. */
export function execUsage(params: Fields): Fields {
  const total = fieldsOf(fieldsOf(params['tokenUsage'])['total']);
  return {
    input_tokens: total['inputTokens'],
    cached_input_tokens: total['cachedInputTokens'],
    output_tokens: total['outputTokens'],
  };
}
