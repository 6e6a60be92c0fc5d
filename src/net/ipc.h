/* The path of an ipc socket: libzmq's bind removes whatever is there, so it is claimed first. */
#ifndef FW_NET_IPC_H
#define FW_NET_IPC_H

#include <framewire/status.h>

/* Take the lock file PATH.lock, and see that nothing but a dead owner's socket is at the path; makes the path's folder
 * (0700) if only it is missing. name: what to call it in messages. *lock_fd_p: hold it open while the socket listens.
 * Errors: FW_IN_USE (a living owner, or no socket at all), FW_NOT_FOUND, FW_DENIED, FW_IO; *lock_fd_p is then -1. */
fw_status fw_ipc_claim(const char *path, const char *name, int *lock_fd_p);

/* When the socket is closed: remove path and lock file, and let it go. -1 is fine; sets *lock_fd_p to -1. */
void fw_ipc_release(const char *path, int *lock_fd_p);

#endif
