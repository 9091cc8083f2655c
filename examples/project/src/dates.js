var DAY = 24 * 60 * 60 * 1000;

/** Whole days from `from` to `to`. */
export function daysBetween(from, to) {
  var difference = to.getTime() - from.getTime();
  return Math.floor(difference / DAY);
}
