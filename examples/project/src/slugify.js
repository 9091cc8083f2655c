export function slugify(title, { separator = '-', maxLength = 60 } = {}) {
  const words = title
    .normalize('NFKD')
    .replace(/[\u0300-\u036f]/g, '')
    .toLowerCase()
    .match(/[a-z0-9]+/g);
  return (words ?? []).join(separator).slice(0, maxLength);
}
