/*
 * limit P PROGRAM <NAMES: the physical limit. Runs PROGRAM once for each line of NAMES, P at a time, with the file of
 * that name as its standard input and NAME.log as its standard output. It keeps no state and looks at no result.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

extern char **environ;

static void start(char *program, const char *name) {
  char log[4096];
  char *arguments[] = {program, NULL};
  posix_spawn_file_actions_t actions;
  pid_t pid;
  snprintf(log, sizeof log, "%s.log", name);
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, name, O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if ((errno = posix_spawn(&pid, program, &actions, NULL, arguments, environ))) {
    perror(name);
    exit(1);
  }
  posix_spawn_file_actions_destroy(&actions);
}

int main(int argc, char **argv) {
  char name[4000];
  int places = argc == 3 ? atoi(argv[1]) : 0;
  if (places < 1) return 2;
  while (fgets(name, sizeof name, stdin)) {
    name[strcspn(name, "\n")] = 0;
    if (places > 0) places--;
    else if (wait(NULL) < 0) return 1;
    start(argv[2], name);
  }
  while (wait(NULL) > 0) {}
  return 0;
}
