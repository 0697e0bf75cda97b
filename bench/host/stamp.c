/* A job that does nothing but say when it began, for which request. Static: its first instruction is soon. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int main(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  char path[256];
  snprintf(path, sizeof path, "%s/log", getenv("STATE_DIRECTORY"));
  int log = open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);
  return dprintf(log, "%s %lld\n", getenv("TRIGGER_REQUEST_ID"), now.tv_sec * 1000000000LL + now.tv_nsec) < 0;
}
