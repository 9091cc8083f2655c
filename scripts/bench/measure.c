/*
 * measure RESULT COMMAND [ARGUMENT...]: runs a command and writes to the file RESULT what it cost.
 *
 * It adopts every descendant that loses its parent (child subreaper) and waits until none is left, so that nothing is
 * missed of a command whose processes are waited for by nobody. One line, in this order:
 *   wall time in ns, until nothing of the command is left · user and system CPU time in ns, of all its processes ·
 *   the largest resident set of the command, in KiB (of it and of what it waited for itself, whichever was larger) ·
 *   exit code of the command, 128 + signal where it was killed · CLOCK_REALTIME in ns, just before the command existed
 */
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static long long now(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static long long nanoseconds(struct timeval t) { return t.tv_sec * 1000000000LL + t.tv_usec * 1000LL; }

int main(int argc, char **argv) {
  if (argc < 3) return 125;
  FILE *result = fopen(argv[1], "we");
  if (!result || prctl(PR_SET_CHILD_SUBREAPER, 1)) return 125;
  long long at = now(CLOCK_REALTIME), from = now(CLOCK_MONOTONIC), cpu = 0, resident = 0;
  pid_t first, pid;
  int code = 127, status;
  if ((errno = posix_spawnp(&first, argv[2], NULL, NULL, argv + 2, environ))) {
    perror(argv[2]);
    return 125;
  }
  for (;;) {
    struct rusage use;
    pid = wait4(-1, &status, 0, &use);
    if (pid < 0 && errno == EINTR) continue;
    if (pid < 0) break;
    cpu += nanoseconds(use.ru_utime) + nanoseconds(use.ru_stime);
    if (pid != first) continue;
    resident = use.ru_maxrss;
    code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  fprintf(result, "%lld %lld %lld %d %lld\n", now(CLOCK_MONOTONIC) - from, cpu, resident, code, at);
  return fclose(result) ? 125 : 0;
}
