/* list DIRECTORY: the limit of looking at a directory. Reads every name in it, and prints how many there are. */
#include <dirent.h>
#include <stdio.h>

int main(int argc, char **argv) {
  DIR *directory = argc == 2 ? opendir(argv[1]) : NULL;
  long names = 0;
  if (!directory) return 1;
  while (readdir(directory)) names++;
  printf("%ld\n", names);
  return 0;
}
