/** Page `number` (from 1) of `items`. */
export function page(items, number, size = 20) {
  const start = number * size;
  return items.slice(start, start + size);
}
