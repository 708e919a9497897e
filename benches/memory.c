#define _GNU_SOURCE
#include "memory.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The number after `label` at the start of a line of /proc/PID/FILE. */
static long field(pid_t pid, const char *file, const char *label) {
    char path[64], line[256];
    long value = -1;
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
    FILE *stream = fopen(path, "re");
    while (stream && value < 0 && fgets(line, sizeof line, stream)) {
        if (strncmp(line, label, strlen(label)) == 0) value = strtol(line + strlen(label), NULL, 10);
    }
    if (stream) fclose(stream);
    return value;
}

static long sum(long left, long right) { return left < 0 || right < 0 ? -1 : left + right; }

long memory_rss_kib(pid_t pid) { return field(pid, "status", "VmRSS:"); }

struct memory memory_of_tree(pid_t pid) {
    struct memory total = {memory_rss_kib(pid), field(pid, "smaps_rollup", "Pss:")};
    DIR *proc = opendir("/proc");
    for (struct dirent *entry; proc && (entry = readdir(proc));) {
        pid_t child = (pid_t)strtol(entry->d_name, NULL, 10);
        if (child <= 0 || field(child, "status", "PPid:") != pid) continue;
        struct memory more = memory_of_tree(child);
        total.rss_kib = sum(total.rss_kib, more.rss_kib);
        total.pss_kib = sum(total.pss_kib, more.pss_kib);
    }
    if (proc) closedir(proc);
    return total;
}
