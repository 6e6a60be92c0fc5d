/* A process's pidfd: what proves its death, across pid namespaces too. */
#ifndef FW_NET_PIDFD_H
#define FW_NET_PIDFD_H

#include <sys/types.h>

#include <framewire/status.h>

/* This process's own, CLOEXEC. FW_UNSUPPORTED: the system has none. */
fw_status fw_pidfd_self(int *fd_p);

/* Is what a peer passed a pidfd, of a process that lives, and (as far as namespaces let it be seen) of the peer itself?
 * peer: its pid by SO_PEERCRED, 0 where it is not visible. FW_INVALID with the cause. */
fw_status fw_pidfd_check(int fd, pid_t peer);

#endif
