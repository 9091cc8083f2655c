import { readFile } from 'node:fs';

/** The orders in `file`, one JSON object per line. */
export function readOrders(file, callback) {
  readFile(file, 'utf8', (error, text) => {
    if (error) return callback(error);
    callback(null, text.trim().split('\n').map(JSON.parse));
  });
}
