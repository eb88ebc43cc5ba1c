/**
 * Whether a line of samples grows. A straight line is fitted (least squares)
 * through the last two thirds, as caches and allocators fill in the first. It
 * grows if what the fit gains over that time is both more than chance (three
 * standard errors of the slope) and more than |share| of the line's mean.
 */

/** @param {number[]} times @param {number[]} values */
export function growth(times, values) {
  const from = Math.ceil(times.length / 3);
  const [x, y] = [times.slice(from), values.slice(from)];
  const n = x.length;
  const mean = (list) => list.reduce((sum, one) => sum + one, 0) / n;
  const [middle, level] = [mean(x), mean(y)];
  const spread = x.reduce((sum, one) => sum + (one - middle) ** 2, 0);
  const slope =
    x.reduce((sum, one, i) => sum + (one - middle) * (y[i] - level), 0) / spread;
  const rest = y.reduce(
    (sum, one, i) => sum + (one - level - slope * (x[i] - middle)) ** 2, 0,
  );
  const span = x.at(-1) - x[0];
  const error = Math.sqrt(rest / (n - 2) / spread) * span;
  return { level, gain: slope * span, error };
}

/** @returns {boolean} */
export function grows(times, values, share = 0.05) {
  const { level, gain, error } = growth(times, values);
  return gain > 3 * error && gain > share * level;
}
