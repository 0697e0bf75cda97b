/* What webhook's command does to be as durable as this project: it writes the request and flushes file and directory
   before it ends, which is when webhook answers; the job is started behind it. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void) {
  char path[256];
  const char *directory = getenv("STATE_DIRECTORY"), *request = getenv("TRIGGER_REQUEST_ID");
  if (request == NULL) request = "";  /* under load a request has no id, and each file a name of its own all the same */
  snprintf(path, sizeof path, "%s/%s-%d", directory, request, getpid());
  int entry = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600), spool = open(directory, O_RDONLY | O_DIRECTORY);
  if (entry < 0 || spool < 0 || write(entry, request, strlen(request)) < 0 || fsync(entry) || fsync(spool)) return 1;
  if (fork() == 0) {
    int null = open("/dev/null", O_RDWR);
    dup2(null, 0), dup2(null, 1), dup2(null, 2);
    execl("/opt/bench/bin/stamp", "stamp", NULL);
    _exit(1);
  }
  return puts("OK") < 0;
}
