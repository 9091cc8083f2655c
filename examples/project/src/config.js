import fs from 'node:fs';
import path from 'node:path';

/** Settings come from the environment; each has a default that suits a laptop. */
export function loadConfig(env = process.env) {
  return {
    port: Number(env.SHOP_PORT ?? 8080),
    currency: env.SHOP_CURRENCY ?? 'EUR',
    dataDirectory: path.resolve(env.SHOP_DATA ?? 'data'),
  };
}
