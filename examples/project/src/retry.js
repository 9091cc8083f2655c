/** Calls `work` until it succeeds, at most `times` times. */
export async function retry(work, times = 3) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      console.log('retry', attempt, error);
      if (attempt >= times) throw error;
    }
  }
}
