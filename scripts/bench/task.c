/*
 * task [exec ...]: the smallest child there is. Reads its standard input to the end, writes one line, ends with 0.
 *
 * BENCH_STAMPS names a file to which it appends `start NS` and `end NS` (CLOCK_REALTIME): `exec` and no arguments at
 * all are a task, anything else (`--version`) is a question and leaves no stamp. BENCH_SPEAK_MS makes it write a line
 * every 10 ms for so long.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void stamp(const char *what) {
  const char *path = getenv("BENCH_STAMPS");
  char line[64];
  struct timespec t;
  if (!path) return;
  clock_gettime(CLOCK_REALTIME, &t);
  int length = snprintf(line, sizeof line, "%s %lld\n", what, t.tv_sec * 1000000000LL + t.tv_nsec);
  int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (fd < 0 || write(fd, line, length) != length) exit(1);
  close(fd);
}

int main(int argc, char **argv) {
  char buffer[65536];
  int isTask = argc == 1 || !strcmp(argv[1], "exec");
  if (isTask) stamp("start");
  while (read(0, buffer, sizeof buffer) > 0) {}
  const char *speak = getenv("BENCH_SPEAK_MS");
  struct timespec pause = {0, 10000000};
  for (int left = isTask && speak ? atoi(speak) : 0; left > 0; left -= 10) {
    if (write(1, "still at it\n", 12) != 12) return 1;
    nanosleep(&pause, NULL);
  }
  if (write(1, "done\n", 5) != 5) return 1;
  if (isTask) stamp("end");
  return 0;
}
