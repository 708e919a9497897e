/* A bare QEMU machine with libmsb's kernel and the agent of ready.c: what the hardware emulation itself costs. */
#ifndef MSB_BENCH_MACHINE_H
#define MSB_BENCH_MACHINE_H

#include <stddef.h>
#include <sys/types.h>

struct bare_inputs {
    const char *kernel;
    const char *initramfs;
    /* QEMU's accelerator: "tcg" or "kvm". */
    const char *accel;
    unsigned memory_mib;
    /* The socket of a virtiofsd whose directory the machine has as `share`; may be NULL. */
    const char *share;
};

struct bare {
    pid_t qemu;
    int port;
};

/* Each returns 0, or -1 after it has said why on stderr and ended the machine. */

/* `ready_ms`: from the start of QEMU's process to the agent's READY. */
int bare_boot(struct bare *machine, const struct bare_inputs *inputs, double *ready_ms);

/* Has the agent send STREAM_BYTES. */
int bare_stream(struct bare *machine, double *mib_per_second);

/* The next line that the agent says, without its end. */
int bare_line(struct bare *machine, char *line, size_t capacity, double limit_ms);

int bare_end(struct bare *machine);

#endif
